import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { EngineModel } from '../../core/engine-model.ts'
import { readSites, type Sites } from '../../planner/cost/site.ts'
import { type PriceBook, priceFileHint, readPrices, tenancies } from '../../planner/cost/prices.ts'
import { emitFormats, engineOfFormat } from '../../planner/emit/index.ts'
import { findEngineModel } from '../../planner/predict/read-scenario.ts'
import { objectives } from '../../planner/search/candidate.ts'
import { defaultMinQuality } from '../../planner/search/quality.ts'
import type { Request } from '../../planner/search/screen.ts'
import { resolveModel } from '../../planner/models/resolve-model.ts'
import { parseSpeculation } from '../../planner/speculation/parse-speculation.ts'
import type { Pinned } from '../../planner/search/settings.ts'
import type { ModelFacts } from '../../planner/model-facts.ts'
import { asRead } from '../../planner/workload/as-read.ts'
import { parseFleet } from '../../planner/workload/fleet.ts'
import { parseAim, parseRate, parseSlo, type SloTarget } from '../../planner/workload/slo.ts'
import { type Flags, type FlagValues, usageError } from '../command.ts'
import { burdenFlags, burdensOf, treated } from './burden-flags.ts'
import type { NamedModel } from './read-model.ts'
import { calibrationFlags } from './planner-engines.ts'
import { type GivenWorkload, workloadFlags } from './read-workload.ts'
import { thisMachine } from './this-machine.ts'

export const planFlags = {
  gpu: {
    kind: 'text',
    hint: 'TYPE:COUNT',
    summary:
      'Devices: h100:8, h100:4,l40s:8, h100:4@eu,l40s:8@us by cluster, local, or name/memory=48GB/bandwidth=864/bf16=181:2',
  },
  ...workloadFlags,
  slo: {
    kind: 'text',
    hint: 'LIMITS',
    summary:
      'Like ttft.p95=500ms,tpot.p95=50ms; also e2e, mean, p50, p99. Default: those of the workload',
  },
  rate: {
    kind: 'text',
    hint: '12/s',
    summary:
      'Requests to carry; mean or peak: as in the trace or route. Default: as many as the devices can within the limits',
  },
  objective: {
    kind: 'text',
    choices: objectives,
    summary: 'What ranks the configurations; default cost',
  },
  latency: {
    kind: 'text',
    hint: 'ttft.p95',
    summary: 'What the objective latency looks at: ttft, tpot or e2e as mean, p50, p95, p99',
  },
  'min-quality': {
    kind: 'text',
    hint: '0.99',
    summary:
      'Least share of the published quality; 0 takes precisions of unknown loss as well. Default 0.99',
  },
  speculative: {
    kind: 'text',
    hint: 'off|auto|METHOD:…',
    summary:
      'Drafts: auto (those whose acceptance is published for the model), off, or your own like eagle:tokens=3,acceptance=0.7 or draft:model=llama-3.2-1b,tokens=4,acceptance=0.7. Default auto',
  },
  ...burdenFlags,
  engine: { kind: 'text', hint: 'NAME', summary: 'Only this engine' },
  weights: {
    kind: 'text',
    choices: ['bf16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4'],
    summary: 'Only this precision of the weights',
  },
  kv: { kind: 'text', choices: ['bf16', 'fp8'], summary: 'Only this precision of the cache' },
  tp: { kind: 'integer', summary: 'Only this many tensor ranks' },
  pp: { kind: 'integer', summary: 'Only this many pipeline stages' },
  replicas: { kind: 'integer', summary: 'Exactly this many replicas' },
  context: { kind: 'integer', hint: 'TOKENS', summary: 'Longest prompt and answer together' },
  price: {
    kind: 'text',
    choices: tenancies,
    summary: 'How devices are paid for; default on-demand',
  },
  prices: {
    kind: 'text',
    hint: 'FILE',
    summary: 'Your prices and clusters as JSON; they win over the catalogue',
  },
  top: { kind: 'integer', summary: 'Configurations to show; default 5' },
  explain: {
    kind: 'boolean',
    summary: 'Why each setting, what binds, the memory drawn, what moves with the limits',
  },
  apart: {
    kind: 'boolean',
    summary: 'With --emit: prompts and decoding on replicas of their own',
  },
  quick: {
    kind: 'boolean',
    summary: 'Closed forms only: the best configurations are not played in the simulator',
  },
  emit: { kind: 'text', choices: emitFormats, summary: 'Write what to run in place of the table' },
  ...calibrationFlags,
} as const satisfies Flags

/** `baleen plan` without a flag. */
export const noPlanFlags = Object.fromEntries(
  Object.entries(planFlags).map(([name, { kind }]) => [
    name,
    kind === 'boolean' ? false : undefined,
  ]),
) as FlagValues<typeof planFlags>

/** Whoever names a GGUF file means to run that file. */
export const loadsGguf = ({ capabilities }: EngineModel): boolean => capabilities.loadsGguf ?? false

/** The request that the flags describe. */
export function planRequest(
  { facts, isGguf }: NamedModel,
  given: GivenWorkload,
  flags: FlagValues<typeof planFlags>,
  engines: readonly EngineModel[],
  directory: string,
): Request {
  if (flags.gpu === undefined)
    throw usageError(
      '--gpu TYPE:COUNT is missing',
      'Write --gpu h100:8, or --gpu local for this machine.',
    )
  const { workload, burdens = [], ...losses } = treated(asRead(given.workload, facts), facts, flags)
  return {
    model: facts,
    fleet: parseFleet(flags.gpu, thisMachine),
    workload,
    slo: flags.slo === undefined ? workload.slo : sloOf(flags.slo, facts),
    rateRps: flags.rate === undefined ? null : rateOf(flags.rate, given.rates),
    objective: flags.objective ?? (flags.latency === undefined ? 'cost' : 'latency'),
    ...(flags.latency === undefined ? {} : { aim: parseAim(flags.latency) }),
    minQuality: minQuality(flags['min-quality']),
    pinned: pinned(flags, isGguf ? engines.filter(loadsGguf) : engines),
    standIns: engines,
    burdens: [...burdens, ...burdensOf(flags, engines)],
    ...losses,
    speculation: parseSpeculation(flags.speculative ?? 'auto', resolveModel),
    tenancy: flags.price ?? 'on-demand',
    ...prices(flags.prices, directory),
  }
}

function sloOf(text: string, { kind, name }: ModelFacts): SloTarget[] {
  const targets = parseSlo(text)
  if (kind === 'encoder' && targets.some(({ figure }) => figure === 'tpot'))
    throw usageError(
      `${name} writes no tokens, so that there is no time per token to limit`,
      'Limit ttft or e2e: both are the time until its answer.',
    )
  return targets
}

const rateOf = (text: string, rates: GivenWorkload['rates']): number => {
  const word = text.trim().toLowerCase()
  if (word !== 'mean' && word !== 'peak') return parseRate(text)
  if (!rates) throw usageError(`--rate ${word} needs a trace or a route as --workload`)
  return word === 'mean' ? rates.meanRps : rates.peakRps
}

function pinned(flags: FlagValues<typeof planFlags>, engines: readonly EngineModel[]): Pinned {
  for (const name of ['tp', 'pp', 'replicas', 'context', 'top'] as const)
    if (flags[name] === 0) throw usageError(`--${name} is at least 1`)
  const wanted = flags.engine ?? (flags.emit === undefined ? null : engineOfFormat(flags.emit))
  const engine = wanted === null ? undefined : findEngineModel(wanted, engines)
  if (wanted !== null && !engine)
    throw usageError(
      `no engine "${wanted}"; there are ${engines.map(({ name }) => name).join(', ')}`,
    )
  const { tp, pp, replicas, context, weights, kv, speculative = 'auto' } = flags
  return {
    engines: engine ? [engine] : engines,
    ...(tp === undefined ? {} : { tp }),
    ...(pp === undefined ? {} : { pp }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(context === undefined ? {} : { contextMax: context }),
    ...(weights === undefined ? {} : { weights }),
    ...(kv === undefined ? {} : { kvPrecision: kv }),
    ...(speculative === 'auto' || speculative === 'off' ? {} : { drafted: true }),
  }
}

function minQuality(text: string | undefined): number {
  if (text === undefined) return defaultMinQuality
  const value = Number(text)
  if (!(value >= 0 && value <= 1)) throw usageError(`--min-quality is from 0 to 1, not "${text}"`)
  return value
}

function prices(
  file: string | undefined,
  directory: string,
): { readonly prices: PriceBook; readonly sites: Sites } {
  if (file === undefined) return { prices: new Map(), sites: new Map() }
  let json: unknown
  try {
    json = JSON.parse(readFileSync(resolve(directory, file), 'utf8').replace(/^\uFEFF/, ''))
  } catch (cause) {
    const why = cause instanceof SyntaxError ? `, it is no JSON: ${cause.message}` : ''
    throw new AppError('planner/bad-request', {
      message: `can't read prices from ${file}${why}`,
      hint: priceFileHint,
      cause,
    })
  }
  const { clusters } = (json ?? {}) as { readonly clusters?: unknown }
  return { prices: readPrices(json), sites: readSites(clusters) }
}
