import type { EngineModel, FittedEra } from '../../core/engine-model.ts'
import { correction } from '../load/correction.ts'
import {
  firstTokenFeatures,
  type PrefillCost,
  prefillCost,
  type StepFeatures,
  stepFeatures,
  weigh,
} from '../load/features.ts'
import { eraOf } from '../load/scenario.ts'
import type { Layout } from '../step/step-time.ts'

/** Shape of a mean request. */
export interface RequestShape {
  readonly isl: number
  readonly osl: number
  readonly prefixShare: number
}

/** Device times of a copy over the number of running sequences; engines only weigh them. */
export interface DeviceCurve {
  readonly layout: Layout
  readonly shape: RequestShape
  /** One entry for each power of two: 1, 2, 4, … */
  readonly decode: readonly StepFeatures[]
  /** What a prompt adds to a step that decodes so many, ms. */
  readonly besideMs: readonly number[]
  /** What a prompt costs in a step of its own, with those that come along with it. */
  readonly apartMs: readonly number[]
  readonly alone: PrefillCost
}

/** What one replica does with so many sequences running. */
export interface EngineCurve {
  readonly engine: EngineModel
  readonly device: DeviceCurve
  stepMs(running: number): number
  /** Mean time to the first token; `waitMs`: until a place is free. */
  firstTokenMs(running: number, waitMs: number): number
  /** The part of it that requests spend behind one another's prefill, mean. */
  queueMs(running: number): number
  readonly promptMs: number
}

/** `most`: sequences that will ever run; prompts are cut into chunks of `batchedTokens`. */
export function deviceCurve(
  layout: Layout,
  shape: RequestShape,
  batchedTokens: number,
  most: number,
): DeviceCurve {
  const { isl, osl, prefixShare } = shape
  const context = isl + osl / 2
  const prompt = { tokens: isl, prefixShare }
  const points = Math.min(12, Math.max(2, Math.ceil(Math.log2(Math.max(2, most))) + 1))
  const decode: StepFeatures[] = []
  const besideMs: number[] = []
  const apartMs: number[] = []
  for (let at = 0; at < points; at++) {
    const decodes = 2 ** at
    decode.push(stepFeatures(layout, decodes, context, 0, 0))
    apartMs.push(
      decodes > osl || at === 0
        ? prefillCost(layout, prompt, batchedTokens, null, Math.max(1, decodes / osl)).total
        : (apartMs[0] ?? 0),
    )
    // What a prompt adds changes slowly: every third point is computed, those between follow.
    besideMs.push(
      at % 3 === 0 || at === points - 1
        ? prefillCost(layout, prompt, batchedTokens, { decodes, context }).total
        : Number.NaN,
    )
  }
  const alone = prefillCost(layout, prompt, batchedTokens, null)
  return { layout, shape, decode, besideMs: filled(besideMs), apartMs, alone }
}

export function engineCurve(
  engine: EngineModel,
  device: DeviceCurve,
  mixesPrefill = engine.scheduling.mixesPrefill,
): EngineCurve {
  const { layout, shape, alone } = device
  const era = eraOf(engine, '')
  const subject = { engine, layout, version: '' }
  const stepFactor = Math.exp(correction(engine.fitted.stepCorrections, subject))
  const firstFactor = Math.exp(correction(engine.fitted.firstTokenCorrections, subject))
  const promptMs = mixesPrefill ? device.besideMs : device.apartMs
  const promptShare = promptMs.map(
    (each, at) => stepFactor * prompts(era, 2 ** at / shape.osl, each),
  )
  const steps = device.decode.map(
    (features, at) => stepFactor * weigh(features, era.step) + (promptShare[at] ?? 0),
  )
  // Less than one sequence on average: it decodes alone, and seldom meets another's prompt.
  const stepMs = (running: number) =>
    interpolate(steps, running) - (running < 1 ? (1 - running) * (promptShare[0] ?? 0) : 0)
  const arrival = (running: number, waitMs: number) =>
    firstTokenFeatures(layout, alone, shape.osl, {
      running: Math.max(1, running),
      stepMs: stepMs(running),
      waitMs,
      isOpen: true,
    })
  return {
    engine,
    device,
    stepMs,
    firstTokenMs: (running, waitMs) =>
      weigh(arrival(running, waitMs), era.firstToken) * firstFactor,
    queueMs: (running) => arrival(running, 0).queue * era.firstToken.queue * firstFactor,
    promptMs:
      firstFactor *
      ((alone.total - alone.attention) * era.firstToken.prefill +
        alone.attention * era.firstToken.prefillAttention),
  }
}

const prompts = ({ step }: FittedEra, started: number, promptMs: number): number =>
  started * (promptMs * step.prefill + step.prefillStepUs / 1e3)

/** Straight between powers of two; the last slope goes on beyond them. */
function interpolate(values: readonly number[], running: number): number {
  const at = Math.min(Math.floor(Math.log2(Math.max(1, running))), values.length - 2)
  const low = values[at] ?? 0
  const high = values[at + 1] ?? low
  return low + (high - low) * (Math.max(1, running) / 2 ** at - 1)
}

function filled(values: readonly number[]): number[] {
  return values.map((value, at) => {
    if (!Number.isNaN(value)) return value
    let before = at
    let after = at
    while (Number.isNaN(values[before])) before--
    while (Number.isNaN(values[after])) after++
    const share = (at - before) / (after - before)
    return (values[before] ?? 0) * (1 - share) + (values[after] ?? 0) * share
  })
}
