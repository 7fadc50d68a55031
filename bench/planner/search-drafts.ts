import { engineModels } from '../../src/engines/models.ts'
import type { FittedEngine } from '../../src/core/engine-model.ts'
import { resolveAccelerator } from '../../src/planner/accelerators/resolve-accelerator.ts'
import { nativeKernel, precisionOf } from '../../src/planner/kernel-precision.ts'
import { coefficientsOf } from '../../src/planner/load/coefficients.ts'
import { draftFeatures, draftHostShare } from '../../src/planner/load/drafted-step.ts'
import { steadyState } from '../../src/planner/load/steady-state.ts'
import { resolveModel } from '../../src/planner/models/resolve-model.ts'
import { acceptanceOf } from '../../src/planner/speculation/acceptance.ts'
import { chain, type Speculation } from '../../src/planner/speculation/speculation.ts'
import { median } from './statistics.ts'

/** Model, tokens a second of one stream without and with drafts, tokens a step: AngelSlim, H20, vLLM 0.11.2, means. */
const published = [
  ['qwen3-1.7b', 381.05, 642.93, 2.17],
  ['qwen3-4b', 233.26, 386.94, 2.08],
  ['qwen3-8b', 151.81, 257.52, 1.99],
  ['qwen3-14b', 93.26, 145.33, 1.79],
  ['qwen3-32b', 43.32, 74.1, 1.91],
  ['qwen3-30b-a3b', 320.87, 438.07, 2.04],
] as const

export interface DraftScore {
  readonly model: string
  /** Times as fast as without drafts. */
  readonly measured: number
  readonly foreseen: number
  /** With a share of host time in a pass that was fitted to the other models. */
  readonly foreseenUnseen: number
}

/** What drafts gained where somebody measured both sides, beside what the model of a drafted step says. */
export function scoreDrafts(fitted?: FittedEngine): {
  readonly scores: readonly DraftScore[]
  /** Host time of a pass over that of a step: the median over the models of what makes theirs right. */
  readonly share: number
} {
  const steps = published.map((one) => draftedStep(one, fitted))
  const shares = steps.map(shareOf)
  const scores = steps.map((step, at) => ({
    model: step.model,
    measured: step.measured,
    foreseen: speedUp(step, draftHostShare),
    foreseenUnseen: speedUp(step, median(shares.filter((_, other) => other !== at))),
  }))
  return { scores, share: median(shares) }
}

interface DraftedStep {
  readonly model: string
  readonly measured: number
  readonly tokens: number
  readonly plainMs: number
  /** A step with drafts whose passes cost the host nothing, and what they cost where each counts as a whole step. */
  readonly bareMs: number
  readonly passesMs: number
}

const speedUp = ({ plainMs, bareMs, passesMs, tokens }: DraftedStep, share: number): number =>
  (plainMs * tokens) / (bareMs + share * passesMs)

const shareOf = ({ plainMs, bareMs, passesMs, tokens, measured }: DraftedStep): number =>
  ((plainMs * tokens) / measured - bareMs) / passesMs

function draftedStep(
  [name, plain, drafted, tokens]: (typeof published)[number],
  fitted: FittedEngine | undefined,
): DraftedStep {
  const shipped = engineModels.find((engine) => engine.name === 'vllm')
  const device = resolveAccelerator('h20')
  const model = resolveModel(name)
  if (!shipped || !device || !model) throw new RangeError(`no ${name} under vLLM on H20`)
  const engine = { ...shipped, fitted: fitted ?? shipped.fitted }
  const version = '0.11.2'
  const precision = precisionOf(model, nativeKernel(model), 2)
  const layout = { model, device, precision, tp: 1, pp: 1, dp: 1, ep: 1 }
  const speculation: Speculation = {
    method: 'eagle',
    ...chain(2),
    acceptance: acceptanceOf(tokens, 2),
    model: null,
    weights: null,
    source: '',
  }
  const shape = { isl: 200, osl: 1024 }
  const tpotMs = (drafts: Speculation | null) =>
    steadyState({
      layout,
      engine,
      version,
      replicas: 1,
      ...shape,
      prefixShare: 0,
      load: { kind: 'closed', concurrency: 1 },
      maxSequences: null,
      batchedTokens: null,
      memoryShare: null,
      speculation: drafts,
    }).tpotMs
  const { step, stepFactor } = coefficientsOf({ engine, layout, version })
  const passes = draftFeatures(layout, 1, shape.isl + shape.osl / 2, speculation)
  if (!passes) throw new RangeError(`no drafter for ${name}`)
  const hostMs = (passes.stepUs * step.stepUs + passes.sequenceUs * step.sequenceUs) * stepFactor
  return {
    model: name,
    measured: drafted / plain,
    tokens,
    plainMs: tpotMs(null),
    bareMs: tpotMs(speculation) * tokens - hostMs,
    passesMs: hostMs / draftHostShare,
  }
}
