import type { Clock } from '../../../core/clock.ts'
import { AppError, toAppError } from '../../../core/errors.ts'
import type { ModelSession } from '../model/session.ts'
import type { StepTuner } from './step-tuner.ts'

/** One text to embed. */
export interface Embedding {
  readonly tokens: Uint32Array
  isCancelled: boolean
  resolve(vector: Float64Array): void
  reject(error: AppError): void
}

export interface EmbedLoopState {
  readonly running: number
  readonly waiting: number
  readonly promptTokens: number
  readonly steps: number
  readonly stepStartedMs: number | null
}

/** Texts one after another: the library gives the vector of one sequence a step. */
export interface EmbedLoop {
  /** All or none. Throws `engine/busy`. */
  submit(embeddings: readonly Embedding[]): void
  state(): EmbedLoopState
}

export function createEmbedLoop(
  config: { readonly queueMax: number },
  deps: {
    readonly session: ModelSession
    readonly tuner: StepTuner
    readonly clock: Clock
    onBroken(error: AppError): void
  },
): EmbedLoop {
  const { session, tuner, clock } = deps
  const queue: Embedding[] = []
  let isLooping = false
  let failures = 0
  let promptTokens = 0
  let steps = 0
  let stepStartedMs: number | null = null

  async function embed(tokens: Uint32Array): Promise<Float64Array> {
    stepStartedMs = clock.monotonicMs()
    const mode = tuner.choose(tokens.length)
    session.truncate(0, 0)
    session.startBatch(tokens.length)
    session.add(0, 0, tokens, Uint32Array.from(tokens.keys()))
    await session.decode(mode.threads)
    tuner.observe(tokens.length, mode, clock.monotonicMs() - stepStartedMs)
    promptTokens += tokens.length
    steps++
    return session.embedding(tokens.length)
  }

  async function loop(): Promise<void> {
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (next.isCancelled) {
        next.resolve(new Float64Array(0))
        continue
      }
      try {
        next.resolve(await embed(next.tokens))
        failures = 0
      } catch (thrown) {
        const message = `a step failed: ${toAppError(thrown).message}`
        const error = new AppError('engine/failed', { message, cause: thrown })
        next.reject(error)
        if (++failures >= failuresMax) deps.onBroken(error)
      }
      stepStartedMs = null
    }
    isLooping = false
  }

  return {
    submit(embeddings) {
      // One request may hold more texts than the queue is long; it waits only for itself.
      if (queue.length > 0 && queue.length + embeddings.length > config.queueMax)
        throw new AppError('engine/busy', {
          message: `${queue.length} texts are waiting already`,
          retryAfterS: 1,
        })
      queue.push(...embeddings)
      if (isLooping) return
      isLooping = true
      void loop()
    },
    state: () => ({
      running: Number(stepStartedMs !== null),
      waiting: queue.length,
      promptTokens,
      steps,
      stepStartedMs,
    }),
  }
}

const failuresMax = 3
