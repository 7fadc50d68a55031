import type { Clock } from '../../../core/clock.ts'
import { AppError, toAppError } from '../../../core/errors.ts'
import type { ModelSession } from '../model/session.ts'
import { chooseSequence } from './choose-sequence.ts'
import type { Generation, GenerationEnd } from './generation.ts'
import { samplePart, type Part, type Sequence, type Work } from './sequence.ts'
import { planStep, type StepLimits } from './step-plan.ts'
import type { ThreadChooser } from './thread-chooser.ts'

export interface BatchLoopConfig {
  readonly queueMax: number
  readonly limits: StepLimits
}

export interface BatchLoopDeps {
  readonly session: ModelSession
  readonly threads: ThreadChooser
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

interface Waiting {
  readonly generation: Generation
  readonly arrivedMs: number
}

const failuresMax = 3

export function createBatchLoop(config: BatchLoopConfig, deps: BatchLoopDeps): BatchLoop {
  const { session, threads, clock } = deps
  const sequences: Sequence[] = Array.from({ length: session.sequences }, (_, id) => ({
    id,
    tokens: [],
    usedMs: -Infinity,
    work: null,
  }))
  const queue: Waiting[] = []
  let isLooping = false
  let failures = 0
  let promptMsPerToken: number | null = null
  let stepStartedMs: number | null = null
  const counters = {
    promptTokens: 0,
    generatedTokens: 0,
    prefixQueryTokens: 0,
    prefixHitTokens: 0,
    steps: 0,
  }

  const busy = (): Sequence[] => sequences.filter((sequence) => sequence.work)

  function finish(sequence: Sequence, reason: GenerationEnd['reason'], error?: AppError): void {
    const { work } = sequence
    if (!work) return
    sequence.work = null
    sequence.usedMs = clock.monotonicMs()
    work.sampler.dispose()
    work.rawSampler?.dispose()
    report(work.generation, {
      reason,
      error: error ?? null,
      generatedTokens: work.generatedTokens,
      cachedTokens: work.cachedTokens,
      timing: {
        arrivedMs: work.arrivedMs,
        startedMs: work.startedMs,
        firstTokenMs: work.firstTokenMs,
        endedMs: sequence.usedMs,
      },
    })
  }

  function report(generation: Generation, end: GenerationEnd): void {
    deps.onEnd(end, generation)
    generation.onEnd(end)
  }

  function dropWaiting({ generation, arrivedMs }: Waiting, error?: AppError): void {
    report(generation, {
      reason: error ? 'failed' : 'cancelled',
      error: error ?? null,
      generatedTokens: 0,
      cachedTokens: 0,
      timing: { arrivedMs, startedMs: null, firstTokenMs: null, endedMs: clock.monotonicMs() },
    })
  }

  function sweep(): void {
    for (const sequence of sequences)
      if (sequence.work?.generation.isCancelled) finish(sequence, 'cancelled')
    for (let index = queue.length - 1; index >= 0; index--)
      if (queue[index]!.generation.isCancelled) dropWaiting(queue.splice(index, 1)[0]!)
  }

  function admit(): void {
    while (queue.length > 0) {
      const free = sequences.filter((sequence) => !sequence.work)
      const { generation, arrivedMs } = queue[0]!
      const choice = chooseSequence(free, generation.prompt, clock.monotonicMs())
      if (!choice) return
      queue.shift()
      try {
        start(sequences[choice.id]!, generation, arrivedMs, choice.reusable)
      } catch (thrown) {
        dropWaiting({ generation, arrivedMs }, toAppError(thrown))
      }
    }
  }

  function start(
    sequence: Sequence,
    generation: Generation,
    arrivedMs: number,
    reusable: number,
  ): void {
    const sampler = session.createSampler(generation.sampling, generation.prompt)
    const wantsRaw = generation.wantsDistributions || generation.wantsPromptDistributions
    // Probabilities of the prompt have to be computed, remembered or not.
    const kept = session.truncate(sequence.id, generation.wantsPromptDistributions ? 0 : reusable)
    sequence.tokens.length = kept
    sequence.work = {
      generation,
      sampler,
      rawSampler: wantsRaw ? session.createRawSampler() : null,
      arrivedMs,
      startedMs: clock.monotonicMs(),
      cachedTokens: kept,
      firstTokenMs: null,
      generatedTokens: 0,
      nextToken: -1,
    }
    counters.prefixQueryTokens += generation.prompt.length
    counters.prefixHitTokens += kept
    counters.promptTokens += generation.prompt.length
  }

  async function step(): Promise<void> {
    const parts = planStep(busy(), config.limits, promptMsPerToken)
    const size = parts.reduce((sum, part) => sum + part.tokens.length, 0)
    const answering = parts.filter((part) => part.work.nextToken >= 0).length
    const count = threads.choose(size)
    const startedMs = clock.monotonicMs()
    stepStartedMs = startedMs
    session.startBatch(size)
    for (const part of parts) {
      const { id, tokens } = part.sequence
      part.logits = session.add(id, tokens.length, part.tokens, part.wanted)
    }
    await session.decode(count)
    const elapsedMs = clock.monotonicMs() - startedMs
    threads.observe(size, count, elapsedMs)
    if (size - answering >= 8) {
      const measured = elapsedMs / size
      promptMsPerToken = promptMsPerToken === null ? measured : (promptMsPerToken + measured) / 2
    }
    await readParts(parts)
    counters.steps++
    stepStartedMs = null
  }

  async function readParts(parts: readonly Part[]): Promise<void> {
    // The first call puts the logits in order for all of them; only then may several threads read.
    const [leader, ...others] = parts.filter((part) => part.wanted.length > 0)
    const sampled = new Map<Part, Awaited<ReturnType<typeof samplePart>>>()
    if (leader) sampled.set(leader, await samplePart(session, leader))
    await Promise.all(
      others.map(async (part) => sampled.set(part, await samplePart(session, part))),
    )
    for (const part of parts) {
      for (const token of part.tokens) part.sequence.tokens.push(token)
      const result = sampled.get(part)
      if (result) deliver(part.sequence, part.work, result)
    }
  }

  function deliver(
    sequence: Sequence,
    work: Work,
    { token, distribution }: NonNullable<Awaited<ReturnType<typeof samplePart>>>,
  ): void {
    const { generation } = work
    if (generation.isCancelled) return finish(sequence, 'cancelled')
    if (generation.maxTokens === 0) return finish(sequence, 'length')
    if (token < 0)
      return finish(
        sequence,
        'failed',
        new AppError('engine/failed', { message: 'the model gave no token: no logits' }),
      )
    work.firstTokenMs ??= clock.monotonicMs()
    work.generatedTokens++
    work.nextToken = token
    counters.generatedTokens++
    if (session.isEnd(token)) return finish(sequence, 'stop')
    if (!generation.onToken(token, distribution)) return finish(sequence, 'stop')
    if (work.generatedTokens >= generation.maxTokens) finish(sequence, 'length')
  }

  function failStep(thrown: unknown): void {
    const error = new AppError('engine/failed', {
      message: `a step failed: ${toAppError(thrown).message}`,
      cause: thrown,
    })
    failures++
    stepStartedMs = null
    for (const sequence of busy()) {
      // What is in memory after a failed step is unknown.
      session.truncate(sequence.id, 0)
      sequence.tokens.length = 0
      finish(sequence, 'failed', error)
    }
    if (failures < failuresMax) return
    for (const waiting of queue.splice(0)) dropWaiting(waiting, error)
    deps.onBroken(error)
  }

  async function loop(): Promise<void> {
    for (;;) {
      sweep()
      admit()
      if (busy().length === 0) break
      try {
        await step()
        failures = 0
      } catch (thrown) {
        failStep(thrown)
      }
    }
    isLooping = false
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
      setImmediate(() => void loop())
    },
    state() {
      const running = busy()
      const held = running.reduce((sum, sequence) => sum + sequence.tokens.length, 0)
      return {
        ...counters,
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
