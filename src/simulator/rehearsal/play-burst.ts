import type { Scenario } from '../../planner/load/scenario.ts'
import type { PlayBurst } from '../../planner/predict/predict-row.ts'
import type { Layout } from '../../planner/step/step-time.ts'
import { plannedEngine } from '../scenario/planned-engine.ts'
import { summarise } from '../results/summarise.ts'
import { simulate } from '../simulate.ts'
import type { WorkloadRequest } from '../workload.ts'
import { drawRequests } from './drawn-requests.ts'

const seed = 5
/** More say nothing new, and nobody waits for them. */
const promptsMax = 4000

/**
 * Plays all prompts of a burst at once: who waits for a place, who is thrown out and how long the last answers run on
 * decides its throughput, and no closed form knows it. What remains of an engine is its own (`bursts`).
 */
export const playBurst: PlayBurst = (scenario, prompts) => {
  const { layout, engine, replicas } = scenario
  const result = simulate({
    seed,
    pools: [{ name: 'burst', replicas, ...plannedEngine(scenario) }],
    workload: burstRequests(scenario, prompts),
    holdTimeoutMs: 1e12,
  })
  const { ttftMs, tpotMs, outputTokensPerS } = summarise(result)
  if (ttftMs.mean === null || tpotMs.mean === null || !(outputTokensPerS > 0)) return null
  const { bursts } = engine
  return {
    ttftMs: ttftMs.mean * Math.exp(bursts.ttft),
    tpotMs: tpotMs.mean * Math.exp(bursts.tpot),
    outputTokensPerSecond: outputTokensPerS * Math.exp(bursts[burstKind(layout)]),
  }
}

/** Kernels of experts are another part of an engine than those of dense layers; four-bit floats have their own. */
export function burstKind({ model, precision }: Layout): 'dense' | 'experts' | 'fp4' {
  if (model.moe === null) return 'dense'
  return /fp4/.test(precision.experts) ? 'fp4' : 'experts'
}

/**
 * Requests of a burst. Lengths that a table gives as means of what was drawn are recorded conversations: many answers are a
 * few words, and those are what a burst is hard on, since each waits for everybody's prompt between two of its few tokens.
 * Whole numbers were asked for and are alike.
 */
export function burstRequests(scenario: Scenario, prompts: number): WorkloadRequest[] {
  const { isl, osl, prefixShare, layout, areLengthsDrawn = true } = scenario
  const spread = areLengthsDrawn ? conversation.spread : 0
  const drawn = drawRequests(
    {
      name: 'burst',
      inputTokens: { mean: isl, spread },
      outputTokens: { mean: osl, spread },
      prefixShare,
      slo: [],
      source: '',
    },
    {
      seed,
      count: Math.max(1, Math.min(promptsMax, Math.round(prompts))),
      rateRps: null,
      contextMax: layout.model.contextMax,
    },
  )
  return areLengthsDrawn ? bounded(drawn, isl, osl) : drawn
}

/**
 * Conversations of ShareGPT as vLLM's and SGLang's benchmarks take them: neither part below 4 tokens, no prompt above 1,024,
 * no answer that brings both above 2,048 (`is_valid_sequence`). The spread is the one with which bursts of the GPUStack lab
 * give the published mean over answers of the time between tokens (bench/planner/README.md).
 */
const conversation = { spread: 3, least: 4, prompt: 1024, both: 2048 }

/** Cut to what benchmarks take, and scaled so that the means stay. */
function bounded(drawn: readonly WorkloadRequest[], isl: number, osl: number): WorkloadRequest[] {
  const { least, prompt, both } = conversation
  const cut = (factors: readonly [number, number]) =>
    drawn.map((one) => {
      const promptTokens = within(one.promptTokens * factors[0], least, Math.max(prompt, isl))
      const most = Math.max(both - promptTokens, osl)
      return {
        ...one,
        promptTokens,
        answerTokens: within(one.answerTokens * factors[1], Math.min(least, osl), most),
      }
    })
  let factors: readonly [number, number] = [1, 1]
  for (let round = 0; round < 4; round++) {
    const now = cut(factors)
    const mean = (of: (one: WorkloadRequest) => number) =>
      now.reduce((sum, one) => sum + of(one), 0) / now.length
    factors = [
      (factors[0] * isl) / mean(({ promptTokens }) => promptTokens),
      (factors[1] * osl) / mean(({ answerTokens }) => answerTokens),
    ]
  }
  return cut(factors)
}

const within = (tokens: number, least: number, most: number): number =>
  Math.round(Math.min(most, Math.max(least, tokens)))
