import type { Disaggregated } from '../../planner/disaggregation/disaggregate.ts'
import type { Candidate } from '../../planner/search/candidate.ts'
import type { Rehearsal, Rehearse } from '../../planner/search/rehearsal.ts'
import type { Request } from '../../planner/search/screen.ts'
import type { Tail } from '../../planner/search/tails.ts'
import { type Distribution, summarise } from '../results/summarise.ts'
import { plannedEngine } from '../scenario/planned-engine.ts'
import type { SimulationSetup } from '../setup.ts'
import { simulate } from '../simulate.ts'
import { drawnHashTokens, drawRequests } from './drawn-requests.ts'

/** Enough for a p95 within a few percent, and done in some ten milliseconds. */
const count = 500
const seed = 7

/** Of more replicas a part plays its part of the load: so many requests would be over before all are at work. */
const replicasMost = 8

/** Plays a plan's own load through its own settings, with the routing and the step loop that would serve it. */
export const rehearse: Rehearse = (candidate, { workload }, rateRps) => {
  const { replicas, contextMax } = candidate.settings
  const part = Math.min(1, replicasMost / replicas)
  const each = rateRps === null ? null : rateRps * part
  return played({
    pools: [{ name: 'plan', replicas: Math.min(replicas, replicasMost), ...engineOf(candidate) }],
    workload: drawRequests(workload, { seed, count, rateRps: each, contextMax }),
    rateRps: each,
  })
}

function played({
  pools,
  workload,
  rateRps,
}: Pick<SimulationSetup, 'pools' | 'workload'> & Pick<Rehearsal, 'rateRps'>): Rehearsal {
  const result = simulate({
    seed,
    pools,
    workload,
    hashTokens: drawnHashTokens,
    // Nobody gives up: a queue shows as latency.
    holdTimeoutMs: 1e12,
  })
  const { ttftMs, tpotMs, e2eMs, durationMs, requests } = summarise(result)
  return {
    rateRps,
    requests: count,
    replicas: pools.reduce((sum, pool) => sum + pool.replicas, 0),
    seconds: durationMs / 1e3,
    // Where nobody was served, nobody was served in time.
    ttft: requests.finished > 0 ? tailOf(ttftMs) : never,
    tpot: tailOf(tpotMs),
    e2e: requests.finished > 0 ? tailOf(e2eMs) : never,
  }
}

/** The same with prompts and decoding on replicas of their own. */
export function rehearseApart(
  { prefill, decode, transferMs, servedRps }: Disaggregated,
  { workload }: Request,
): Rehearsal {
  const { contextMax } = decode.candidate.settings
  const part = Math.min(1, (2 * replicasMost) / (prefill.replicas + decode.replicas))
  const [readers, writers] = [prefill, decode].map(({ replicas }) =>
    Math.max(1, Math.round(replicas * part)),
  ) as [number, number]
  const rateRps = servedRps * Math.min(readers / prefill.replicas, writers / decode.replicas)
  // A prompt's cache is handed over in proportion to its length.
  const perToken = transferMs / workload.inputTokens.mean
  return played({
    pools: [
      {
        name: 'prefill',
        role: 'prefill',
        replicas: readers,
        transferMs: (tokens) => tokens * perToken,
        ...engineOf(prefill.candidate),
      },
      { name: 'decode', role: 'decode', replicas: writers, ...engineOf(decode.candidate) },
    ],
    workload: drawRequests(workload, { seed, count, rateRps, contextMax }),
    rateRps,
  })
}

function engineOf({ engine, copy, settings, curve, budget }: Candidate) {
  const { isl, osl, prefixShare } = curve.device.shape
  return plannedEngine(
    {
      layout: copy.layout,
      engine,
      version: '',
      replicas: 1,
      isl,
      osl,
      prefixShare,
      load: { kind: 'open', rateRps: null, prompts: null },
      maxSequences: settings.maxSequences,
      batchedTokens: settings.batchedTokens,
      memoryShare: budget.share,
      speculation: curve.device.speculation,
      burdens: curve.burdens,
    },
    {
      contextMax: settings.contextMax,
      hasChunkedPrefill: settings.chunkedPrefill,
      mixing: curve.prompts === 'beside' ? 'mixed' : 'prefill-first',
    },
  )
}

const never: Tail = { mean: Infinity, p50: Infinity, p95: Infinity, p99: Infinity }

/** Nothing was measured where no answer has a second token: then nobody waits for one. */
const tailOf = ({ mean, p50, p95, p99 }: Distribution): Tail => ({
  mean: mean ?? 0,
  p50: p50 ?? 0,
  p95: p95 ?? 0,
  p99: p99 ?? 0,
})
