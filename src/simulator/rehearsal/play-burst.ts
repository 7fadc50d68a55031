import type { BurstBias } from '../../core/engine-model.ts'
import type { PlayBurst } from '../../planner/predict/predict-row.ts'
import type { Layout } from '../../planner/step/step-time.ts'
import type { Workload } from '../../planner/workload/workload.ts'
import { plannedEngine } from '../scenario/planned-engine.ts'
import { summarise } from '../results/summarise.ts'
import { simulate } from '../simulate.ts'
import { drawRequests } from './drawn-requests.ts'

const seed = 5
/** More say nothing new, and nobody waits for them. */
const promptsMax = 4000

/**
 * Plays all prompts of a burst at once: who waits for a place, who is thrown out and how long the last answers run on
 * decides its throughput, and no closed form knows it. What remains of an engine is its own (`bursts`).
 */
export const playBurst: PlayBurst = (scenario, prompts) => {
  const { isl, osl, prefixShare, layout, engine, replicas } = scenario
  const count = Math.max(1, Math.min(promptsMax, Math.round(prompts)))
  const result = simulate({
    seed,
    pools: [{ name: 'burst', replicas, ...plannedEngine(scenario) }],
    workload: drawRequests(conversations(isl, osl, prefixShare), {
      seed,
      count,
      rateRps: null,
      contextMax: layout.model.contextMax,
    }),
    holdTimeoutMs: 1e12,
  })
  const { ttftMs, tpotMs, outputTokensPerS } = summarise(result)
  if (ttftMs.mean === null || tpotMs.mean === null || !(outputTokensPerS > 0)) return null
  const reached = Math.exp(engine.bursts[burstKind(layout)])
  return {
    ttftMs: ttftMs.mean / reached,
    tpotMs: tpotMs.mean / reached,
    outputTokensPerSecond: outputTokensPerS * reached,
  }
}

/** Kernels of experts are another part of an engine than those of dense layers; four-bit floats have their own. */
export function burstKind({ model, precision }: Layout): keyof BurstBias {
  if (model.moe === null) return 'dense'
  return /fp4/.test(precision.experts) ? 'fp4' : 'experts'
}

/** Lengths of recorded conversations vary by about their mean. */
const conversations = (isl: number, osl: number, prefixShare: number): Workload => ({
  name: 'conversations',
  inputTokens: { mean: isl, spread: 1 },
  outputTokens: { mean: osl, spread: 1 },
  prefixShare,
  slo: [],
  source: '',
})
