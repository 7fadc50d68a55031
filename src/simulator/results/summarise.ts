import { quantile } from '../../injector/policy/statistics/quantiles.ts'
import type { ScalingChange } from '../cluster/autoscaler.ts'
import type { Replica, ReplicaState } from '../cluster/replica.ts'
import { outcomes, type Outcome } from '../request-table.ts'
import type { SimulationResult } from '../simulate.ts'
import { ItlHistogram } from './itl-histogram.ts'

/** Null where nothing was measured. Percentiles by nearest rank, as in an injection's report. */
export interface Distribution {
  readonly count: number
  readonly mean: number | null
  readonly p50: number | null
  readonly p90: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

export interface Objective {
  readonly ttftMs?: number | undefined
  readonly tpotMs?: number | undefined
  readonly e2eMs?: number | undefined
}

export interface SimulationSummary {
  readonly durationMs: number
  readonly requests: Readonly<Record<Outcome | 'all', number>>
  /** From the arrival to the first token. */
  readonly ttftMs: Distribution
  /** Mean time per token after the first, of requests with at least two. */
  readonly tpotMs: Distribution
  readonly e2eMs: Distribution
  /** From the arrival to the first step. */
  readonly queueMs: Distribution
  /** Gaps between tokens, within 2 %. */
  readonly itlMs: {
    readonly p50: number | null
    readonly p95: number | null
    readonly p99: number | null
  }
  readonly requestsPerS: number
  readonly promptTokensPerS: number
  readonly outputTokensPerS: number
  /** Share of the requests that ended within every limit; null without limits. */
  readonly attainment: number | null
  readonly goodputPerS: number | null
  readonly preemptions: number
  /** Share of the prompt tokens that were in a prefix cache. */
  readonly cachedShare: number
  /** Requests that found no replica ready when they came. */
  readonly held: number
  /** Until the last thing happened, autoscalers included. */
  readonly watchedMs: number
  /** From the start of each replica to its end: what is paid for. */
  readonly replicaHours: number
  /** What autoscalers changed, and why. */
  readonly scaling: readonly ScalingChange[]
  readonly replicas: readonly ReplicaSummary[]
}

export interface ReplicaSummary {
  readonly id: string
  readonly state: ReplicaState
  readonly readyMs: number | null
  readonly steps: number
  /** Share of its time, from ready to the end, that it was in a step. */
  readonly utilisation: number
  /** Means over the time in steps. */
  readonly runningMean: number
  readonly kvUsageMean: number
  readonly kvUsageMax: number
}

/** `window`: only requests that arrived in it count. Latencies are those of finished requests. */
export function summarise(
  result: SimulationResult,
  objective: Objective = {},
  window: { readonly fromMs: number; readonly toMs: number } = { fromMs: 0, toMs: Infinity },
): SimulationSummary {
  const { requests } = result
  const counts: Record<Outcome | 'all', number> = {
    all: 0,
    open: 0,
    finished: 0,
    rejected: 0,
    failed: 0,
  }
  const latencies = {
    ttft: [] as number[],
    tpot: [] as number[],
    e2e: [] as number[],
    queue: [] as number[],
  }
  let [good, promptTokens, outputTokens, cachedTokens, preemptions, lastMs] = [
    0,
    0,
    0,
    0,
    0,
    window.fromMs,
  ]
  for (let id = 0; id < requests.count; id++) {
    const arrivalMs = requests.arrivalMs[id]!
    if (!(arrivalMs >= window.fromMs && arrivalMs < window.toMs)) continue
    const outcome = outcomes[requests.outcome[id]!]!
    counts.all++
    counts[outcome]++
    preemptions += requests.preemptions[id]!
    outputTokens += requests.produced[id]!
    if (!Number.isNaN(requests.admittedMs[id])) {
      latencies.queue.push(requests.admittedMs[id]! - arrivalMs)
      promptTokens += requests.promptTokens[id]!
      cachedTokens += requests.cachedTokens[id]!
    }
    lastMs = Math.max(lastMs, outcome === 'open' ? result.endMs : requests.endMs[id]!)
    if (outcome !== 'finished') continue
    const e2e = requests.endMs[id]! - arrivalMs
    const ttft = requests.firstTokenMs[id]! - arrivalMs
    const gaps = requests.answerTokens[id]! - 1
    const tpot = gaps > 0 ? (e2e - ttft) / gaps : Number.NaN
    latencies.e2e.push(e2e)
    latencies.ttft.push(ttft)
    if (gaps > 0) latencies.tpot.push(tpot)
    const { ttftMs = Infinity, tpotMs = Infinity, e2eMs = Infinity } = objective
    if (ttft <= ttftMs && !(tpot > tpotMs) && e2e <= e2eMs) good++
  }
  const durationMs = lastMs - window.fromMs
  const perS = (count: number) => (durationMs > 0 ? (count * 1000) / durationMs : 0)
  const hasObjective = Object.values(objective).some((limit) => limit !== undefined)
  return {
    durationMs,
    requests: counts,
    ttftMs: distribution(latencies.ttft),
    tpotMs: distribution(latencies.tpot),
    e2eMs: distribution(latencies.e2e),
    queueMs: distribution(latencies.queue),
    itlMs: gapsOf(result.replicas),
    requestsPerS: perS(counts.finished),
    promptTokensPerS: perS(promptTokens),
    outputTokensPerS: perS(outputTokens),
    attainment: hasObjective && counts.all > 0 ? good / counts.all : null,
    goodputPerS: hasObjective ? perS(good) : null,
    preemptions,
    cachedShare: promptTokens > 0 ? cachedTokens / promptTokens : 0,
    held: result.held,
    watchedMs: result.endMs,
    replicaHours: result.replicas.reduce(
      (sum, { startedMs, stoppedMs }) =>
        sum + ((Number.isNaN(stoppedMs) ? result.endMs : stoppedMs) - startedMs) / 3.6e6,
      0,
    ),
    scaling: result.scaling,
    replicas: result.replicas.map((replica) => summariseReplica(replica, result.endMs)),
  }
}

function distribution(values: readonly number[]): Distribution {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => (sorted.length > 0 ? quantile(sorted, share) : null)
  return {
    count: sorted.length,
    mean: sorted.length > 0 ? sorted.reduce((sum, value) => sum + value, 0) / sorted.length : null,
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max: sorted.at(-1) ?? null,
  }
}

function gapsOf(replicas: readonly Replica[]): SimulationSummary['itlMs'] {
  const all = new ItlHistogram()
  for (const { itl } of replicas) all.merge(itl)
  const at = (share: number) => (all.count > 0 ? all.quantileMs(share) : null)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

function summariseReplica(replica: Replica, endMs: number): ReplicaSummary {
  const { totals, readyMs, stoppedMs, id, state } = replica
  const aliveMs = (Number.isNaN(stoppedMs) ? endMs : stoppedMs) - readyMs
  const mean = (sum: number) => (totals.busyMs > 0 ? sum / totals.busyMs : 0)
  return {
    id,
    state,
    readyMs: Number.isNaN(readyMs) ? null : readyMs,
    steps: totals.steps,
    utilisation: aliveMs > 0 ? Math.min(1, totals.busyMs / aliveMs) : 0,
    runningMean: mean(totals.runningMs),
    kvUsageMean: mean(totals.kvUsageMs),
    kvUsageMax: totals.kvUsageMax,
  }
}
