import { createRandom } from '../../src/core/random.ts'
import type { EngineModel } from '../../src/core/engine-model.ts'
import type { Scenario } from '../../src/planner/load/scenario.ts'
import type { Speculation } from '../../src/planner/speculation/speculation.ts'
import type { Layout } from '../../src/planner/step/step-time.ts'
import type { TokenLength, Workload } from '../../src/planner/workload/workload.ts'
import { plannedEngine } from '../../src/simulator/scenario/planned-engine.ts'
import { summarise } from '../../src/simulator/results/summarise.ts'
import { simulate } from '../../src/simulator/simulate.ts'
import type { WorkloadRequest } from '../../src/simulator/workload.ts'

/** A configuration as an engine is started with it. */
export interface Contender {
  readonly layout: Layout
  readonly engine: EngineModel
  readonly replicas: number
  readonly maxSequences: number | null
  readonly batchedTokens: number | null
  readonly memoryShare: number | null
  readonly speculation?: Speculation | null
}

export const metrics = ['e2e mean', 'e2e p95', 'ttft p95', 'time for all'] as const
export type Metric = (typeof metrics)[number]

/** Plays the same requests through a contender in the simulator; the metric, ms. */
export function judge(
  contender: Contender,
  workload: Workload,
  rateRps: number,
  metric: Metric,
): number {
  const planned = plannedEngine(scenarioOf(contender, workload))
  const requests = requestsOf(workload, metric === 'time for all' ? null : rateRps)
  const result = simulate({
    seed: 1,
    pools: [{ name: 'pool', replicas: contender.replicas, ...planned }],
    workload: requests,
    // Nobody gives up: a queue shows as latency.
    holdTimeoutMs: 1e9,
  })
  const summary = summarise(result, {})
  const of = {
    'e2e mean': summary.e2eMs.mean,
    'e2e p95': summary.e2eMs.p95,
    'ttft p95': summary.ttftMs.p95,
    'time for all': summary.durationMs,
  }[metric]
  return of ?? Number.POSITIVE_INFINITY
}

const scenarioOf = (contender: Contender, workload: Workload): Scenario => ({
  ...contender,
  version: '',
  isl: workload.inputTokens.mean,
  osl: workload.outputTokens.mean,
  prefixShare: workload.prefixShare,
  load: { kind: 'open', rateRps: null, prompts: null },
})

const count = 600

/** Poisson arrivals (all at once for null) and lognormal lengths, the same for every contender. */
function requestsOf(workload: Workload, rateRps: number | null): WorkloadRequest[] {
  const random = createRandom(11)
  let atMs = 0
  return Array.from({ length: count }, () => {
    if (rateRps !== null) atMs += (-Math.log(1 - random()) / rateRps) * 1e3
    return {
      atMs,
      promptTokens: length(workload.inputTokens, random),
      answerTokens: length(workload.outputTokens, random),
    }
  })
}

function length({ mean, spread }: TokenLength, random: () => number): number {
  const variance = Math.log(1 + spread * spread)
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.min(
    32_000,
    Math.max(1, Math.round(mean * Math.exp(normal * Math.sqrt(variance) - variance / 2))),
  )
}
