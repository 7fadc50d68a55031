import { memoryBudget, type MemoryBudget, sequenceCapacity } from '../memory/budget.ts'
import { coefficientsOf } from './coefficients.ts'
import { limitsOf, type Scenario } from './scenario.ts'
import { type Played, playClosedLoop } from './closed-loop.ts'
import {
  type FirstTokenFeatures,
  firstTokenFeatures,
  prefillCost,
  promptFeatures,
  promptShareOf,
  type StepFeatures,
  weigh,
} from './features.ts'
import { tokensPerStep } from '../speculation/acceptance.ts'
import { burdenedMs } from '../burdens/burden.ts'
import { besideMemory, tokenFeatures, underEngine } from './drafted-step.ts'

export interface SteadyState {
  readonly tpotMs: number
  readonly ttftMs: number
  readonly e2eMs: number
  /** Of all replicas. */
  readonly outputTokensPerSecond: number
  /** Sequences decoding at a time, in one replica. */
  readonly running: number
  /** Sequences that the engine works on, those in prefill included. */
  readonly admitted: number
  readonly budget: MemoryBudget
  /** Of the time between two tokens. */
  readonly promptShare: number
  /** For the fit: what the coefficients were multiplied with. */
  readonly stepFeatures: StepFeatures
  /** The same of the step that sets the throughput. */
  readonly paceFeatures: StepFeatures
  readonly firstTokenFeatures: FirstTokenFeatures
}

/** Where an unknown open-loop rate is assumed to lie, as a share of what saturates the engine. */
const assumedUtilisation = 0.2

/** Answers differ in length: when all else is done the longest still run, this many cycles of a mean one. */
const longestAnswers = 1.7

/** Continuous batching in closed form: good until the engine is nearly saturated by an open loop. */
export function steadyState(scenario: Scenario): SteadyState {
  const { isl, osl, lengthShare = 1 } = scenario
  if (lengthShare === 1) return stateOf(scenario)
  const state = stateOf({ ...scenario, isl: isl * lengthShare, osl: osl * lengthShare })
  // A row's E2E is told for the length that it names.
  return { ...state, e2eMs: state.ttftMs + state.tpotMs * (osl - 1) }
}

function stateOf(scenario: Scenario): SteadyState {
  const point = createPoint(scenario)
  const { load } = scenario
  switch (load.kind) {
    case 'closed':
      return closedLoop(scenario, point, load.concurrency / scenario.replicas)
    case 'saturated':
      return saturated(scenario, point, load.prompts && load.prompts / scenario.replicas)
    case 'open':
      return load.seen
        ? openLoopSeen(scenario, point, load.seen)
        : openLoop(scenario, point, load.prompts, load.rateRps)
  }
}

type Point = ReturnType<typeof createPoint>

/** Times at a number of decoding sequences. */
function createPoint(scenario: Scenario) {
  const { layout, engine, isl, osl, prefixShare, speculation = null, burdens = [] } = scenario
  const { recvInterval = 1, areLengthsDrawn = true, lengthShare = 1 } = scenario
  const { mixesPrefill = engine.scheduling.mixesPrefill } = scenario
  const limits = limitsOf(scenario)
  const budget = memoryBudget(layout, engine.memory, {
    share: scenario.memoryShare,
    batchedTokens: limits.batchedTokens,
    ...besideMemory(layout, speculation, burdens),
  })
  const held = engine.memory.reserves === 'in-advance' ? isl + osl : isl + osl * 0.55
  const capacity = sequenceCapacity(layout, budget, held)
  const maxRunning = Math.max(1, Math.min(capacity, limits.maxSequences * layout.dp))
  const context = isl + osl / 2
  const prompt = { tokens: isl, prefixShare }
  const alone = prefillCost(layout, prompt, limits.batchedTokens, null)
  const known = coefficientsOf({ engine, layout, version: scenario.version })
  const perStep = speculation ? tokensPerStep(speculation) : 1

  /** `others`: sequences whose prefill this one sits through, over the course of its answer. */
  function step(running: number, others: number) {
    const decodes = Math.max(1, running)
    const beside = mixesPrefill
      ? prefillCost(layout, prompt, limits.batchedTokens, { decodes, context })
      : prefillCost(layout, prompt, limits.batchedTokens, null, others / osl)
    const features = {
      ...underEngine(tokenFeatures(layout, decodes, context, speculation), engine, speculation),
      ...promptFeatures(layout, others / osl, beside.total),
    }
    const ms = weigh(features, known.step) * known.stepFactor * (scenario.pace ?? 1)
    const shape = { tokens: decodes * (speculation?.verified ?? 1), sequences: decodes, context }
    return {
      features,
      ms: burdenedMs(burdens, layout, ms * perStep, shape) / perStep,
      promptShare: promptShareOf(features, known.step),
    }
  }

  function firstToken(
    running: number,
    stepMs: number,
    waitMs: number,
    perMs: number | null,
    turnMs = 0,
  ) {
    const features = firstTokenFeatures(layout, alone, {
      running,
      stepMs,
      tokens: isl,
      waitMs,
      perMs,
      turnMs,
      tokensPerStep: perStep,
    })
    return { features, ms: weigh(features, known.firstToken) * known.firstTokenFactor }
  }

  /** What users meet of one another, where `found` is what a step takes with so many at a time. */
  function play(users: number, running: number, found: ReturnType<typeof step>): Played {
    const beside = mixesPrefill ? { decodes: Math.max(1, running), context } : null
    // A step with many prompts reads the weights once: a part of it is for the step, the rest for each prompt.
    const costOf = (prompts: number) =>
      prompts * prefillCost(layout, prompt, limits.batchedTokens, beside, prompts).total
    const one = costOf(1)
    const many = Math.min(fits, 16)
    const eachMs = many >= 2 ? (costOf(many) - one) / (many - 1) : one
    const reading = promptFeatures(layout, 1, one)
    const whole = known.step.prefill * known.stepFactor
    return playClosedLoop({
      users,
      places: running,
      promptMs: eachMs * whole,
      readingMs:
        (one - eachMs) * whole +
        (reading.prefillStepUs * known.step.prefillStepUs + reading.launch * known.step.launch) *
          known.stepFactor,
      stepMs: found.ms * (1 - found.promptShare) * perStep,
      steps: osl / perStep,
      promptsPerStep: fits * layout.dp,
      acceptMs: acceptMs + (isl / 1e3) * acceptTokensMs,
      recvInterval,
      mixesPrefill,
      spread: lengthShare < 1 ? (1 - lengthShare) / lengthShare : areLengthsDrawn ? drawnSpread : 0,
    })
  }

  const fits = Math.max(1, limits.batchedTokens / Math.max(1, isl * (1 - prefixShare)))

  return { budget, maxRunning, alone, mixesPrefill, step, firstToken, play }
}

function closedLoop(scenario: Scenario, point: Point, concurrency: number): SteadyState {
  const { osl, layout } = scenario
  const admitted = Math.max(1, Math.min(concurrency, point.maxRunning))
  // Each of the others reads a prompt once in a round, so many of them while this one answers.
  const others = (decoding: number) => ((admitted - 1) * decoding) / admitted
  let running = admitted
  let step = point.step(running, others(running))
  // While one sequence is in prefill it does not decode.
  for (let round = 0; round < 3; round++) {
    const ttft = point.alone.total * 1.2 + step.ms
    running = Math.max(1, admitted / (1 + ttft / (step.ms * osl)))
    step = point.step(running, others(running))
  }
  const played = point.play(concurrency, admitted, step)
  // An engine that prefills before it decodes takes whoever waits; they decode side by side, end together and come again
  // together, and feel little of one another. Where prompts are read beside those who decode published runs of accelerators are
  // told better by an even spread: 1,024 tokens of each of seven others add 260 ms to an answer of Qwen3-32B on two H100, be it
  // 128 or 512 tokens long, under TensorRT-LLM 1.0 as under vLLM 0.12.
  if (!point.mixesPrefill || layout.device.architecture === 'cpu')
    step = point.step(running, played.promptsFelt)
  const first = point.firstToken(admitted, step.ms, 0, null, played.turnMs)
  // Users wait for one another's prefill as much as for their own: what a step costs with all of it is the pace.
  const whole = point.step(admitted, admitted)
  const perSecond = (admitted * 1e3) / whole.ms
  return finish(scenario, point, { running, admitted, step, first, perSecond, whole })
}

/** What a host takes to accept a request, and to cut a thousand tokens of it into tokens. */
const acceptMs = 4
const acceptTokensMs = 4

/** Recorded conversations: anything from nothing to twice the mean. */
const drawnSpread = 1

function saturated(scenario: Scenario, point: Point, prompts: number | null): SteadyState {
  const { osl } = scenario
  const running = Math.max(
    1,
    Math.min(point.maxRunning, prompts ?? Number.POSITIVE_INFINITY, 16_384),
  )
  const step = point.step(running, running)
  const cycleMs = step.ms * osl
  const perSecond = (running * osl * 1e3) / cycleMs
  if (prompts === null) {
    const first = point.firstToken(running, step.ms, cycleMs, null)
    return finish(scenario, point, { running, step, first, perSecond })
  }
  // All prompts at once: the first fill the engine, the rest wait their turn; the last ones leave it half empty.
  const behind = prompts - running
  const waitMs = (behind * behind * cycleMs) / (2 * prompts * running)
  const burstMs = (running * point.alone.total * running) / (2 * prompts)
  const first = point.firstToken(1, step.ms, waitMs + burstMs, 0)
  const shortfall = Math.exp(scenario.engine.fitted.burst)
  const totalMs = ((prompts / running + longestAnswers) * cycleMs) / shortfall
  return finish(scenario, point, {
    running,
    step,
    first,
    perSecond: (prompts * osl * 1e3) / totalMs,
  })
}

function openLoop(
  scenario: Scenario,
  point: Point,
  prompts: number | null,
  rateRps: number | null,
): SteadyState {
  const { osl, replicas } = scenario
  const throughput = (running: number) => running / (point.step(running, running).ms * osl)
  const most = throughput(point.maxRunning)
  const perMs = rateRps === null ? most * assumedUtilisation : rateRps / replicas / 1e3
  if (perMs >= most) return overloaded(scenario, point, prompts, perMs, most)
  // Little's law: as many run as arrive while one is served.
  let low = 0
  let high = point.maxRunning
  for (let round = 0; round < 30; round++) {
    const middle = (low + high) / 2
    if (perMs * point.step(middle, middle).ms * osl > middle) low = middle
    else high = middle
  }
  const running = (low + high) / 2
  const step = point.step(running, running)
  const first = point.firstToken(Math.max(1, running), step.ms, 0, perMs)
  return finish(scenario, point, { running, step, first, perSecond: perMs * 1e3 * osl })
}

/**
 * An open loop of which somebody has counted who was in it. Near saturation a rate says little of that: a little slower, and the
 * queue is twice as long.
 */
function openLoopSeen(
  scenario: Scenario,
  point: Point,
  seen: { readonly decoding: number; readonly inFlight: number },
): SteadyState {
  const { osl, replicas } = scenario
  const running = Math.min(point.maxRunning, seen.decoding / replicas)
  const step = point.step(running, running)
  const perMs = running / (step.ms * osl)
  const waiting = Math.max(0, seen.inFlight / replicas - point.maxRunning)
  const first = point.firstToken(Math.max(1, running), step.ms, waiting / perMs, perMs)
  return finish(scenario, point, { running, step, first, perSecond: perMs * 1e3 * osl })
}

/** More arrives than leaves: the queue grows as long as the load lasts. */
function overloaded(
  scenario: Scenario,
  point: Point,
  prompts: number | null,
  perMs: number,
  most: number,
): SteadyState {
  const running = point.maxRunning
  const step = point.step(running, running)
  const count = prompts ?? 1000
  const queued = Math.max(0, count - running)
  const first = point.firstToken(1, step.ms, (queued / 2) * (1 / most - 1 / perMs), 0)
  return finish(scenario, point, { running, step, first, perSecond: most * 1e3 * scenario.osl })
}

interface Found {
  readonly running: number
  readonly admitted?: number
  readonly step: ReturnType<Point['step']>
  readonly first: ReturnType<Point['firstToken']>
  readonly perSecond: number
  /** The step that sets the pace, where it is another than the one that users see. */
  readonly whole?: ReturnType<Point['step']>
}

const finish = (scenario: Scenario, point: Point, found: Found): SteadyState => ({
  tpotMs: found.step.ms,
  ttftMs: found.first.ms,
  e2eMs: found.first.ms + found.step.ms * (scenario.osl - 1),
  outputTokensPerSecond: found.perSecond * scenario.replicas,
  running: found.running,
  admitted: found.admitted ?? found.running,
  budget: point.budget,
  promptShare: found.step.promptShare,
  stepFeatures: found.step.features,
  paceFeatures: (found.whole ?? found.step).features,
  firstTokenFeatures: found.first.features,
})
