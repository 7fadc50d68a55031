import type { EngineSignals } from '../engine.ts'
import { readSeries, type Series } from './prometheus.ts'

/** How several series of one metric become one number. */
type Fold = 'sum' | 'mean' | 'max'

/** Names of one quantity over the versions of an engine: the first that is on the page counts. */
export interface SignalSource {
  readonly names: readonly string[]
  readonly fold: Fold
  /** Series that count twice what others tell, or tell something else. */
  readonly leaveOut?: Readonly<Record<string, string>>
  readonly only?: Readonly<Record<string, string>>
}

/** What an engine calls the signals. A signal that is missing here is one that it does not tell. */
export type SignalTable = Partial<Record<Exclude<keyof EngineSignals, Derived>, SignalSource>> & {
  /** Capacity as a product of two metrics, or of two labels of one. */
  readonly kvCapacity?: KvCapacity
  readonly ttft?: readonly string[]
  readonly queue?: readonly string[]
}
type Derived = 'kvCapacityTokens' | 'ttftSeconds' | 'queueSeconds'

type KvCapacity =
  | { readonly product: readonly [string, string] }
  | { readonly metric: string; readonly labels: readonly [string, string] }

export const sum = (...names: readonly string[]): SignalSource => ({ names, fold: 'sum' })
/** Of each rank one: a share of its own memory. */
export const mean = (...names: readonly string[]): SignalSource => ({ names, fold: 'mean' })

export function readSignals(
  table: SignalTable,
  text: string,
  isMeant?: (series: Series) => boolean,
): EngineSignals {
  const page = readSeries(text, isMeant)
  const read = (source: SignalSource | undefined): number | null => {
    const name = source?.names.find((one) => page.has(one))
    if (!source || name === undefined) return null
    const series = page.get(name)!.filter((one) => counts(source, one))
    return series.length === 0 ? null : folds[source.fold](series.map(({ value }) => value))
  }
  const total = (names: readonly string[] | undefined) => {
    const name = names?.find((one) => page.has(`${one}_sum`))
    if (name === undefined) return null
    const count = read(sum(`${name}_count`))
    return count === null ? null : { sum: read(sum(`${name}_sum`)) ?? 0, count }
  }
  return {
    running: read(table.running),
    waiting: read(table.waiting),
    kvUsage: read(table.kvUsage),
    kvCapacityTokens: capacityOf(table.kvCapacity, page),
    promptTokensTotal: read(table.promptTokensTotal),
    generationTokensTotal: read(table.generationTokensTotal),
    prefixHitTokensTotal: read(table.prefixHitTokensTotal),
    prefixQueryTokensTotal: read(table.prefixQueryTokensTotal),
    finishedTotal: read(table.finishedTotal),
    preemptionsTotal: read(table.preemptionsTotal),
    draftTokensTotal: read(table.draftTokensTotal),
    acceptedTokensTotal: read(table.acceptedTokensTotal),
    ttftSeconds: total(table.ttft),
    queueSeconds: total(table.queue),
  }
}

function counts({ leaveOut, only }: SignalSource, { labels }: Series): boolean {
  const matches = (wanted: Readonly<Record<string, string>>) =>
    Object.entries(wanted).every(([name, value]) => labels[name] === value)
  return !(leaveOut && matches(leaveOut)) && (!only || matches(only))
}

function capacityOf(
  source: KvCapacity | undefined,
  page: ReadonlyMap<string, readonly Series[]>,
): number | null {
  if (!source) return null
  if ('product' in source) {
    const [blocks, tokens] = source.product.map((name) => page.get(name)?.[0]?.value)
    return blocks === undefined || tokens === undefined ? null : blocks * tokens
  }
  const series = page.get(source.metric)
  if (!series) return null
  const tokens = series.map(({ labels }) =>
    source.labels.reduce((product, label) => product * Number(labels[label]), 1),
  )
  const all = folds.sum(tokens)
  return Number.isFinite(all) ? all : null
}

const folds: Readonly<Record<Fold, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((total, value) => total + value, 0),
  mean: (values) => values.reduce((total, value) => total + value, 0) / values.length,
  max: (values) => Math.max(...values),
}
