import type { Clock } from '../../../core/clock.ts'
import { AppError, toAppError } from '../../../core/errors.ts'
import type { ModelSession } from '../model/session.ts'
import { chooseSequence } from './choose-sequence.ts'
import { createDelivery, type Outcome, type Waiting } from './delivery.ts'
import type { Generation, GenerationEnd } from './generation.ts'
import { runStep, type Sampled, type StepResult } from './run-step.ts'
import type { Part, Sequence } from './sequence.ts'
import { createStepCostEstimate } from './step-cost.ts'
import { arrange, planStep, type StepLimits } from './step-plan.ts'
import type { StepMode, StepTuner } from './step-tuner.ts'

export interface BatchLoopConfig {
  readonly queueMax: number
  readonly limits: StepLimits
}

export interface BatchLoopDeps {
  readonly session: ModelSession
  readonly tuner: StepTuner
  readonly clock: Clock
  /** Each generation as it ends. */
  onEnd(end: GenerationEnd, generation: Generation): void
  /** The model can't go on: every further step would fail too. */
  onBroken(error: AppError): void
}

/** Counters since the start and what goes on now. */
export interface BatchLoopState {
  readonly running: number
  readonly waiting: number
  /** Tokens of running sequences over the memory for all of them. */
  readonly kvUsage: number
  readonly promptTokens: number
  readonly generatedTokens: number
  readonly prefixQueryTokens: number
  readonly prefixHitTokens: number
  readonly steps: number
  /** Since when the step under way has been running; null: none is. */
  readonly stepStartedMs: number | null
}

/** Continuous batching: every step advances all running generations, and new ones join between steps. */
export interface BatchLoop {
  /** All or none. Throws `engine/busy`. */
  submit(generations: readonly Generation[]): void
  state(): BatchLoopState
}

const failuresMax = 3

export function createBatchLoop(config: BatchLoopConfig, deps: BatchLoopDeps): BatchLoop {
  const { session, tuner, clock } = deps
  const sequences: Sequence[] = Array.from({ length: session.sequences }, (_, id) => ({
    id,
    tokens: [],
    usedMs: -Infinity,
    work: null,
  }))
  const delivery = createDelivery(deps)
  const promptCost = createStepCostEstimate()
  const queue: Waiting[] = []
  let isLooping = false
  let failures = 0
  let stepStartedMs: number | null = null
  const counters = {
    promptTokens: 0,
    prefixQueryTokens: 0,
    prefixHitTokens: 0,
    steps: 0,
  }

  const busy = (): Sequence[] => sequences.filter((sequence) => sequence.work)

  function release(sequence: Sequence): void {
    sequence.work?.sampler.dispose()
    sequence.work?.rawSampler?.dispose()
    sequence.work = null
    sequence.usedMs = clock.monotonicMs()
  }

  function sweep(): void {
    for (const sequence of sequences) {
      const { work } = sequence
      if (work?.generation.isCancelled) delivery.report(work, 'cancelled')
      if (work?.isReported) release(sequence)
    }
    for (let index = queue.length - 1; index >= 0; index--)
      if (queue[index]!.generation.isCancelled) delivery.dropWaiting(queue.splice(index, 1)[0]!)
  }

  function admit(): void {
    while (queue.length > 0) {
      const free = sequences.filter((sequence) => !sequence.work)
      const choice = chooseSequence(free, queue[0]!.generation.prompt, clock.monotonicMs())
      if (!choice) return
      const waiting = queue.shift()!
      try {
        start(sequences[choice.id]!, waiting, choice.reusable)
      } catch (thrown) {
        delivery.dropWaiting(waiting, toAppError(thrown))
      }
    }
  }

  function start(sequence: Sequence, { generation, arrivedMs }: Waiting, reusable: number): void {
    const { sampling, prompt, wantsDistributions, wantsPromptDistributions } = generation
    const sampler = session.createSampler(sampling, prompt)
    // Probabilities of the prompt have to be computed, remembered or not.
    const kept = session.truncate(sequence.id, wantsPromptDistributions ? 0 : reusable)
    sequence.tokens.length = kept
    sequence.work = {
      generation,
      sampler,
      rawSampler:
        wantsDistributions || wantsPromptDistributions ? session.createRawSampler() : null,
      arrivedMs,
      startedMs: clock.monotonicMs(),
      cachedTokens: kept,
      firstTokenMs: null,
      nextToken: -1,
      sampledTokens: 0,
      deliveredTokens: 0,
      isReported: false,
    }
    counters.prefixQueryTokens += prompt.length
    counters.prefixHitTokens += kept
    counters.promptTokens += prompt.length
  }

  function observe(parts: readonly Part[], mode: StepMode, decodeMs: number): void {
    const size = sizeOf(parts)
    tuner.observe(size, mode, decodeMs)
    if (size >= 2 * parts.length) promptCost.observe(size, decodeMs)
  }

  /** Takes the results into the books; the callbacks come while the next step runs. */
  function account(parts: readonly Part[], sampled: readonly (Sampled | null)[]): Outcome[] {
    const outcomes: Outcome[] = []
    for (const [index, { sequence, work, tokens }] of parts.entries()) {
      for (const token of tokens) sequence.tokens.push(token)
      const result = sampled[index]
      if (!result) continue
      work.firstTokenMs ??= clock.monotonicMs()
      work.nextToken = result.token
      work.sampledTokens++
      const isEnd = result.token < 0 || session.isEnd(result.token)
      const isLast = work.sampledTokens >= work.generation.maxTokens
      if (isEnd || isLast) release(sequence)
      outcomes.push({ ...result, work, isEnd, isLast })
    }
    return outcomes
  }

  function failStep(thrown: unknown): void {
    const message = `a step failed: ${toAppError(thrown).message}`
    const error = new AppError('engine/failed', { message, cause: thrown })
    failures++
    for (const sequence of busy()) {
      // What is in memory after a failed step is unknown.
      sequence.tokens.length = session.truncate(sequence.id, 0)
      delivery.report(sequence.work!, 'failed', error)
      release(sequence)
    }
    if (failures < failuresMax) return
    for (const waiting of queue.splice(0)) delivery.dropWaiting(waiting, error)
    deps.onBroken(error)
  }

  async function loop(): Promise<void> {
    let outcomes: Outcome[] = []
    for (;;) {
      sweep()
      admit()
      const working = busy()
      if (working.length === 0 && outcomes.length === 0) break
      const earlier = outcomes
      outcomes = []
      try {
        outcomes = await step(working, earlier)
        failures = 0
      } catch (thrown) {
        failStep(thrown)
      }
      stepStartedMs = null
    }
    isLooping = false
  }

  /** Starts the model on the next step, then hands out what the one before brought, then waits for the model. */
  async function step(working: readonly Sequence[], earlier: Outcome[]): Promise<Outcome[]> {
    if (working.length === 0) {
      for (const outcome of earlier) delivery.deliver(outcome)
      return []
    }
    stepStartedMs = clock.monotonicMs()
    const planned = planStep(working, config.limits, promptCost.current())
    const mode = tuner.choose(sizeOf(planned))
    const parts = arrange(planned, mode.isSplit)
    let running: Promise<StepResult>
    try {
      running = runStep(session, parts, mode.threads, () => clock.monotonicMs())
    } finally {
      for (const outcome of earlier) delivery.deliver(outcome)
    }
    const { decodeMs, sampled } = await running
    observe(parts, mode, decodeMs)
    counters.steps++
    return account(parts, sampled)
  }

  return {
    submit(generations) {
      if (queue.length + generations.length > config.queueMax + freeCount())
        throw new AppError('engine/busy', {
          message: `${queue.length} requests are waiting already`,
          retryAfterS: 1,
        })
      const arrivedMs = clock.monotonicMs()
      for (const generation of generations) queue.push({ generation, arrivedMs })
      if (isLooping) return
      isLooping = true
      // After this turn of the event loop, so that requests that came together start together.
      setImmediate(() => void loop().catch((thrown: unknown) => deps.onBroken(toAppError(thrown))))
    },
    state() {
      const running = busy()
      const held = running.reduce((sum, sequence) => sum + sequence.tokens.length, 0)
      return {
        ...counters,
        generatedTokens: delivery.deliveredTokens,
        running: running.length,
        waiting: queue.length,
        kvUsage: held / (session.sequences * session.contextTokens),
        stepStartedMs,
      }
    },
  }

  function freeCount(): number {
    return sequences.length - busy().length
  }
}

const sizeOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, part) => sum + part.tokens.length, 0)
