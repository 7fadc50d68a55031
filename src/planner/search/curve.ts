import type { EngineModel, FittedEra } from '../../core/engine-model.ts'
import { type Burden, burdenedMs, promptBurdenMs } from '../burdens/burden.ts'
import type { Makeup } from '../load/calibrated-bars.ts'
import { coefficientsOf } from '../load/coefficients.ts'
import {
  firstTokenFeatures,
  type PrefillCost,
  prefillCost,
  promptFeatures,
  type PromptPart,
  type StepFeatures,
  weigh,
} from '../load/features.ts'
import { tokenFeatures, underEngine } from '../load/drafted-step.ts'
import { tokensPerStep } from '../speculation/acceptance.ts'
import type { Speculation } from '../speculation/speculation.ts'
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
  readonly speculation: Speculation | null
  /** What a token costs. One entry for each power of two: 1, 2, 4, … */
  readonly decode: readonly StepFeatures[]
  /** What a prompt adds to a step that decodes so many, ms. */
  readonly besideMs: readonly number[]
  /** What a prompt costs in a step of its own, with those that come along with it. */
  readonly apartMs: readonly number[]
  readonly alone: PrefillCost
}

/** Where prompts are read: in the steps that decode, in steps of their own, or by other replicas. */
export type PromptPlace = 'beside' | 'apart' | 'elsewhere'

/** What one replica does with so many sequences running. */
export interface EngineCurve {
  readonly engine: EngineModel
  readonly device: DeviceCurve
  readonly prompts: PromptPlace
  readonly burdens: readonly Burden[]
  /** Time for one token of each sequence: a step's, or its share where drafts bring several. */
  stepMs(running: number): number
  /** How long another's prompt holds up those that decode. */
  stallMs(running: number): number
  /** Share of the time between two tokens that goes to prompts. */
  promptShare(running: number): number
  /** Mean time to the first token; `waitMs`: until a place is free. */
  firstTokenMs(running: number, waitMs: number): number
  /** The part of it that requests spend behind one another's prefill, mean. */
  queueMs(running: number): number
  readonly promptMs: number
  /** What times are made of with so many running, for their intervals. */
  makeup(running: number): Makeup
}

/** `most`: sequences that will ever run; prompts are cut into chunks of `batchedTokens`. */
export function deviceCurve(
  layout: Layout,
  shape: RequestShape,
  batchedTokens: number,
  most: number,
  speculation: Speculation | null = null,
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
    decode.push(tokenFeatures(layout, decodes, context, speculation))
    apartMs.push(
      decodes > osl || at === 0
        ? prefillCost(layout, prompt, batchedTokens, null, Math.max(1, decodes / osl)).total
        : (apartMs[0] ?? 0),
    )
    besideMs.push(prefillCost(layout, prompt, batchedTokens, { decodes, context }).total)
  }
  const alone = prefillCost(layout, prompt, batchedTokens, null)
  return { layout, shape, speculation, decode, besideMs, apartMs, alone }
}

export function engineCurve(
  engine: EngineModel,
  device: DeviceCurve,
  place: PromptPlace = engine.scheduling.mixesPrefill ? 'beside' : 'apart',
  burdens: readonly Burden[] = [],
): EngineCurve {
  const { layout, shape, alone } = device
  const known = coefficientsOf({ engine, layout, version: '' })
  const { stepFactor, firstTokenFactor: firstFactor } = known
  const perPrompt = promptBurdenMs(burdens, layout)
  const promptMs = place === 'beside' ? device.besideMs : device.apartMs
  const slowdown = burdens.reduce((product, burden) => product * burden.slowdown(layout), 1)
  const verified = device.speculation?.verified ?? 1
  const chunkTokens = (shape.isl * (1 - shape.prefixShare)) / alone.chunks
  const borneIn = (tokens: number, sequences: number, context: number): number =>
    burdens.reduce((sum, one) => sum + one.stepMs(layout, { tokens, sequences, context }), 0)
  // What the steps of a prompt bear that has them to itself, and what they bear more where others decode in them.
  const stepsMs = alone.chunks * borneIn(chunkTokens, 0, 0)
  const moreMs = (decodes: number): number => {
    const own = decodes * verified
    const context = contextOf(device)
    return (
      alone.chunks * (borneIn(own + chunkTokens, decodes, context) - borneIn(own, decodes, context))
    )
  }
  const borneBy = { beside: moreMs, apart: () => stepsMs, elsewhere: () => 0 }[place]
  const promptShare = promptMs.map((each, at) =>
    place === 'elsewhere'
      ? 0
      : (stepFactor * prompts(layout, known, 2 ** at / shape.osl, each) +
          (2 ** at / shape.osl) * (perPrompt + borneBy(2 ** at))) *
        slowdown,
  )
  const stalls = promptShare.map((share, at) => (share * shape.osl) / 2 ** at)
  const perStep = device.speculation ? tokensPerStep(device.speculation) : 1
  const steps = device.decode.map((shared, at) => {
    const features = underEngine(shared, engine, device.speculation)
    const ms = stepFactor * weigh(features, known.step) * perStep
    const shape = { tokens: 2 ** at * verified, sequences: 2 ** at, context: contextOf(device) }
    return burdenedMs(burdens, layout, ms, shape) / perStep + (promptShare[at] ?? 0)
  })
  // Less than one sequence on average: it decodes alone, and seldom meets another's prompt.
  const withLeft = (running: number, ms: number, share: number): number =>
    withLeftBehind({ running, ms, promptMs: share * shape.osl, osl: shape.osl })
  const full = steps.map((ms, at) => withLeft(2 ** at, ms, (promptShare[at] ?? 0) / 2 ** at))
  const stepMs = (running: number) => {
    if (running >= 1) return interpolate(full, running)
    const alone = promptShare[0] ?? 0
    return withLeft(running, (steps[0] ?? 0) - (1 - running) * alone, alone)
  }
  // A prompt alone in its steps bears what they bear.
  const borneMs = (slowdown - 1) * alone.total + (perPrompt + stepsMs) * slowdown
  const arrival = (running: number, waitMs: number) =>
    firstTokenFeatures(layout, alone, {
      running: Math.max(1, running),
      stepMs: stepMs(running),
      tokens: shape.isl,
      waitMs,
      perMs: running / (stepMs(running) * shape.osl),
      tokensPerStep: perStep,
    })
  return {
    engine,
    device,
    prompts: place,
    stepMs,
    stallMs: (running) => interpolate(stalls, running),
    promptShare: (running) =>
      (Math.min(1, running) * interpolate(promptShare, running)) / stepMs(running),
    firstTokenMs: (running, waitMs) =>
      weigh(arrival(running, waitMs), known.firstToken) * firstFactor + borneMs,
    queueMs: (running) => arrival(running, 0).queue * known.firstToken.queue * firstFactor,
    burdens,
    promptMs:
      borneMs +
      firstFactor *
        ((alone.total - alone.attention) * known.firstToken.prefill +
          alone.attention * known.firstToken.prefillAttention),
    makeup: (running) => ({
      step: {
        ...underEngine(
          tokenFeatures(layout, Math.max(1, running), contextOf(device), device.speculation),
          engine,
          device.speculation,
        ),
        prefill: (running / shape.osl) * interpolate(promptMs, running),
        prefillStepUs: running / shape.osl / 1e3,
      },
      firstToken: arrival(running, 0),
      osl: shape.osl,
    }),
  }
}

const contextOf = ({ shape }: DeviceCurve): number => shape.isl + shape.osl / 2

const prompts = (
  layout: Layout,
  { step }: Pick<FittedEra, 'step'>,
  started: number,
  promptMs: number,
): number => weigh<PromptPart>(promptFeatures(layout, started, promptMs), step)

/**
 * The time between tokens with the prompts that came while one waited and was read itself: they are read beside the first
 * tokens of its answer. Prompts that come at random wait ρ / 2(1 - ρ) prompts in the mean (M/D/1). `ms`: without them.
 */
function withLeftBehind(given: {
  readonly running: number
  readonly ms: number
  readonly promptMs: number
  readonly osl: number
}): number {
  const { running, ms, promptMs, osl } = given
  let found = ms
  // The longer an answer takes, the fewer come for so many that run: what is found lies between.
  for (let round = 0; round < 6; round++) {
    const busy = Math.min(busiest, (running * promptMs) / (found * osl))
    const left = busy * (1 + busy / (2 * (1 - busy)))
    found = (found + ms + (left * promptMs) / osl) / 2
  }
  return found
}

/** Near saturation the limit on sequences decides how many wait, of which this knows nothing. */
const busiest = 0.8

/** Straight between powers of two; the last slope goes on beyond them. */
function interpolate(values: readonly number[], running: number): number {
  const at = Math.min(Math.floor(Math.log2(Math.max(1, running))), values.length - 2)
  const low = values[at] ?? 0
  const high = values[at + 1] ?? low
  return low + (high - low) * (Math.max(1, running) / 2 ** at - 1)
}
