import type { EngineModel } from '../../src/core/engine-model.ts'
import { measuredName } from '../../src/planner/model-facts.ts'
import type { Scenario } from '../../src/planner/load/scenario.ts'
import { burstKind, burstRequests } from '../../src/simulator/rehearsal/play-burst.ts'
import { plannedEngine } from '../../src/simulator/scenario/planned-engine.ts'
import { summarise } from '../../src/simulator/results/summarise.ts'
import { simulate } from '../../src/simulator/simulate.ts'
import { dataFile } from './data.ts'
import type { Sample } from './fit-engine.ts'
import { loadRows } from './rows.ts'
import { sampleRows } from './samples.ts'
import { groupBy, median } from './statistics.ts'

/** How often the configuration that we would choose is as good as the best one measured. */
export interface Ranking {
  readonly groups: number
  /** Groups whose choice is within 5 % of the best. */
  readonly within5: number
  /** Median of what the choice falls short by. */
  readonly medianShortfall: number
  /** Measured time for all prompts with the choice over that with vLLM's defaults, less one: no simulator judges. */
  readonly againstDefaults: readonly number[]
}

/**
 * Groups of the GPUStack lab with equal model, devices, lengths and load, and at least three configurations. Their own
 * commands are played in the simulator, with nothing in the coefficients that was seen of the group's models. Where ours
 * foresees no difference (within 0.1 %) the choice counts as the mean of those. Wide groups take together what differs by
 * a token in the mean length, as answers of different runs do.
 */
export function rankSweeps(isWide = false): Ranking {
  const { samples } = sampleRows(sweepRows())
  const played = new Map(samples.map((sample) => [sample, playUnseen(sample)]))
  const groups = groupBy(samples, ({ row: { cells, input } }) =>
    [
      cells.model,
      cells.gpu,
      input.numGpus,
      ...(isWide ? [] : [cells.isl, cells.osl]),
      cells.concurrency_or_batch,
    ].join(' | '),
  )
  const shortfalls: number[] = []
  const againstDefaults: number[] = []
  let within5 = 0
  for (const [name, own] of groups) {
    if (own.length < 3) continue
    const judged = own.map((sample) => ({
      sample,
      predicted:
        (played.get(sample)?.throughput ?? 0) * Math.exp(engineBias(sample, samples, played)),
      measured: sample.row.measured.throughput ?? 0,
    }))
    const best = Math.max(...judged.map(({ measured }) => measured))
    const foreseen = Math.max(...judged.map(({ predicted }) => predicted))
    const chosen = judged.filter(({ predicted }) => predicted >= foreseen * 0.999)
    within5 += chosen.filter(({ measured }) => measured >= best * 0.95).length / chosen.length
    const reached = chosen.reduce((sum, { measured }) => sum + measured, 0) / chosen.length
    shortfalls.push(1 - reached / best)
    const usual = judged.find(({ sample }) => isDefaultVllm(sample))
    if (usual) againstDefaults.push(usual.measured / reached - 1)
    if (process.argv.includes('--groups')) print(name, judged, chosen)
  }
  return {
    groups: shortfalls.length,
    within5,
    medianShortfall: median(shortfalls),
    againstDefaults,
  }
}

/** vLLM with nothing set but the ranks and the memory that it needs to start. */
const isDefaultVllm = ({ row: { cells } }: Sample): boolean =>
  /cmd=vllm serve \S+(?: (?:-tp|--max-model-len|--gpu-memory-utilization) [\d.]+)*\s*$/.test(
    cells.notes ?? '',
  )

interface Played {
  readonly throughput: number
  readonly ttft: number
  readonly tpot: number
}

/** A row's own load, by coefficients that have not seen its model. */
function playUnseen({ scenario }: Sample): Played {
  const { load } = scenario
  const unseen: Scenario = { ...scenario, engine: withoutModel(scenario) }
  const prompts = ('prompts' in load && load.prompts) || 300
  const result = simulate({
    seed: 5,
    pools: [{ name: 'row', replicas: scenario.replicas, ...plannedEngine(unseen) }],
    workload: burstRequests(scenario, prompts),
    ...(load.kind === 'closed' ? { concurrencyMax: load.concurrency } : {}),
    holdTimeoutMs: 1e12,
  })
  const { outputTokensPerS, ttftMs, tpotMs } = summarise(result)
  return {
    throughput: outputTokensPerS,
    ttft: ttftMs.mean ?? Number.NaN,
    tpot: tpotMs.mean ?? Number.NaN,
  }
}

/** Corrections that were learnt from the model itself are left out. */
function withoutModel({ engine, layout }: Scenario): EngineModel {
  const name = measuredName(layout.model)
  const rest = (known: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(known).filter(
        ([key]) => !key.endsWith(`model ${name}`) && !key.includes(`pair ${name} on`),
      ),
    )
  const { fitted } = engine
  return {
    ...engine,
    fitted: {
      ...fitted,
      stepCorrections: rest(fitted.stepCorrections),
      firstTokenCorrections: rest(fitted.firstTokenCorrections),
    },
  }
}

/** Models that a bias is held at nothing by. */
const biasPull = 2

/**
 * What bursts of an engine reached of what was played, as a logarithm: the median over the models of other groups, drawn
 * toward nothing where there are few.
 */
function engineBias(
  { scenario }: Sample,
  samples: readonly Sample[],
  played: ReadonlyMap<Sample, Played>,
): number {
  return medianBias(
    samples.filter(
      (one) =>
        one.scenario.engine.name === scenario.engine.name &&
        measuredName(one.scenario.layout.model) !== measuredName(scenario.layout.model) &&
        burstKind(one.scenario.layout) === burstKind(scenario.layout) &&
        one.scenario.load.kind === scenario.load.kind &&
        one.scenario.speculation === null,
    ),
    played,
  )
}

function medianBias(
  samples: readonly Sample[],
  played: ReadonlyMap<Sample, Played>,
  figure: keyof Played = 'throughput',
): number {
  const byModel = groupBy(samples, (one) => measuredName(one.scenario.layout.model))
  const logs = [...byModel.values()].map((members) =>
    median(
      members.map((one) =>
        Math.log(
          (one.row.measured[figure] ?? Number.NaN) / (played.get(one)?.[figure] ?? Number.NaN),
        ),
      ),
    ),
  )
  return logs.length === 0 ? 0 : (median(logs) * logs.length) / (logs.length + biasPull)
}

/** The same over all models, by engine and kind: what src/engines/*\/model.ts has as `bursts`. */
export function burstBiases(): string[] {
  const { samples } = sampleRows(sweepRows())
  const own = samples.filter(
    ({ scenario }) => scenario.load.kind === 'saturated' && scenario.speculation === null,
  )
  const played = new Map(own.map((sample) => [sample, playUnseen(sample)]))
  const kinds = groupBy(
    own,
    (one) => `${one.scenario.engine.name} ${burstKind(one.scenario.layout)}`,
  )
  const say = (what: string, members: readonly Sample[], figure?: keyof Played) =>
    `${what}: ${medianBias(members, played, figure).toFixed(3)} (${members.length} runs)`
  return [
    ...[...kinds].map(([kind, members]) => say(kind, members)),
    ...[...groupBy(own, (one) => one.scenario.engine.name)].flatMap(([name, members]) => [
      say(`${name} ttft`, members, 'ttft'),
      say(`${name} tpot`, members, 'tpot'),
    ]),
  ]
}

const sweepRows = () =>
  loadRows(dataFile('perf')).filter(
    ({ file, measured }) => file === 'gpustack_performance_lab.csv' && measured.throughput !== null,
  )

interface Judged {
  readonly sample: Sample
  readonly predicted: number
  readonly measured: number
}

function print(name: string, judged: readonly Judged[], chosen: readonly Judged[]): void {
  console.log(name)
  for (const one of judged) {
    const { cells } = one.sample.row
    console.log(
      chosen.includes(one) ? '→' : ' ',
      (cells.engine ?? '').padEnd(12),
      (cells.version ?? '').padEnd(12),
      String(Math.round(one.predicted)).padStart(6),
      String(Math.round(one.measured)).padStart(6),
      cells.precision,
      /cmd=(.*)/.exec(cells.notes ?? '')?.[1]?.slice(0, 150),
    )
  }
}
