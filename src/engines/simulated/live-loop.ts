import type { Clock } from '../../core/clock.ts'
import { AppError, toAppError } from '../../core/errors.ts'
import type { BatchLoop } from '../embedded/batch/batch-loop.ts'
import type { Generation, GenerationEnd } from '../embedded/batch/generation.ts'
import type { PairedRequest } from './paired-request.ts'
import type { StepModel } from './step-model.ts'
import { answerTo, blockHashes, naturalLength } from './words.ts'

export interface LiveLoopDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>
  later(afterMs: number, work: () => void): void
  onEnd(end: GenerationEnd): void
}

/** What is otherwise where another replica has a part in it. */
type Paired = Pick<PairedRequest, 'tokensMax' | 'receive'>

export interface LiveLoop extends BatchLoop {
  submitPaired(generations: readonly Generation[], paired: Paired): void
}

interface Answer {
  readonly generation: Generation
  readonly tokens: Uint32Array
  /** It ends by itself, not because of a limit. */
  readonly isNatural: boolean
  readonly arrivedMs: number
  startedMs: number | null
  firstTokenMs: number | null
  delivered: number
}

/** Beyond this the machine can't keep up with what it plays: the steps' clock is set forward. */
const lateMsMax = 250

/**
 * Plays a step model in real time. A step begins when the one before it should have ended, not when the timer came, so
 * that lateness does not add up.
 */
export function createLiveLoop(model: StepModel, deps: LiveLoopDeps): LiveLoop {
  const { clock } = deps
  const answers = new Map<number, Answer>()
  /** On their way to the scheduler. */
  let coming = 0
  let stepEndsMs: number | null = null
  const counters = { promptTokens: 0, generatedTokens: 0, prefixHitTokens: 0, steps: 0 }

  const end = (
    answer: Answer,
    reason: GenerationEnd['reason'],
    cachedTokens = 0,
    error: AppError | null = null,
  ): void => {
    const { generation, arrivedMs, startedMs, firstTokenMs, delivered } = answer
    const timing = { arrivedMs, startedMs, firstTokenMs, endedMs: clock.monotonicMs() }
    const ended = { reason, error, generatedTokens: delivered, cachedTokens, timing }
    deps.onEnd(ended)
    generation.onEnd(ended)
  }

  const close = (id: number, answer: Answer, reason: GenerationEnd['reason']): void => {
    answers.delete(id)
    const cached = model.cached(id) ?? 0
    counters.prefixHitTokens += cached
    if (reason !== 'length' && !(reason === 'stop' && answer.delivered === answer.tokens.length))
      model.abort(id)
    model.forget(id)
    end(answer, reason, cached)
  }

  const enqueue = (answer: Answer, isRead: boolean): void => {
    coming--
    const { generation, tokens } = answer
    if (generation.isCancelled) return end(answer, 'cancelled')
    const id = model.add({
      promptTokens: generation.prompt.length,
      answerTokens: tokens.length,
      blockHashes: blockHashes(generation.prompt, tokens),
      isRead,
    })
    const refusal = model.enqueue(id)
    if (refusal) {
      model.forget(id)
      return end(answer, 'failed', 0, refusals[refusal]())
    }
    counters.promptTokens += generation.prompt.length
    answers.set(id, answer)
    if (stepEndsMs === null) start(clock.monotonicMs())
  }

  const start = (nowMs: number): void => {
    stepEndsMs = model.startStep(nowMs)
    if (stepEndsMs !== null) deps.later(Math.max(0, stepEndsMs - clock.monotonicMs()), wake)
  }

  const wake = (): void => {
    while (stepEndsMs !== null && stepEndsMs <= clock.monotonicMs()) {
      const endedMs = Math.max(stepEndsMs, clock.monotonicMs() - lateMsMax)
      counters.steps++
      model.endStep()
      deliver()
      stepEndsMs = model.startStep(endedMs)
    }
    if (stepEndsMs !== null) deps.later(Math.max(0, stepEndsMs - clock.monotonicMs()), wake)
  }

  const deliver = (): void => {
    const nowMs = clock.monotonicMs()
    for (const [id, answer] of answers) {
      if (answer.generation.isCancelled) {
        close(id, answer, 'cancelled')
        continue
      }
      if (answer.startedMs === null && model.cached(id) !== null) answer.startedMs = nowMs
      const produced = model.produced(id)
      let goesOn = true
      while (goesOn && answer.delivered < produced) {
        answer.firstTokenMs ??= nowMs
        counters.generatedTokens++
        goesOn = answer.generation.onToken(answer.tokens[answer.delivered++]!, null)
      }
      if (!goesOn) close(id, answer, 'stop')
      else if (produced >= answer.tokens.length)
        close(id, answer, answer.isNatural ? 'stop' : 'length')
    }
  }

  return {
    submit: (generations) => submit(generations, null),
    submitPaired: submit,
    state: () => {
      const { running, waiting, kvUsage } = model.load()
      return {
        running,
        waiting: waiting + coming,
        kvUsage,
        ...counters,
        prefixQueryTokens: counters.promptTokens,
        stepStartedMs: null,
      }
    },
  }

  function submit(generations: readonly Generation[], paired: Paired | null): void {
    if (model.load().waiting + coming + generations.length > model.queueMax)
      throw refusals['queue-full']()
    const arrivedMs = clock.monotonicMs()
    for (const generation of generations) {
      const natural = naturalLength(generation.prompt)
      const tokensMax = Math.min(generation.maxTokens, paired?.tokensMax ?? Infinity)
      const isNatural = !generation.sampling.ignoreEnd && natural < tokensMax
      const tokens = answerTo(generation.prompt, isNatural ? natural : tokensMax)
      const answer: Answer = {
        generation,
        tokens,
        isNatural,
        arrivedMs,
        startedMs: null,
        firstTokenMs: null,
        delivered: 0,
      }
      coming++
      deps.later(model.overheadMs, () => {
        if (!paired?.receive) return enqueue(answer, false)
        const isWanted = (): boolean => !generation.isCancelled
        paired.receive(generation.prompt.length, isWanted).then(
          () => enqueue(answer, true),
          (thrown: unknown) => {
            coming--
            end(answer, 'failed', 0, toAppError(thrown))
          },
        )
      })
    }
  }
}

const refusals = {
  'queue-full': () =>
    new AppError('engine/busy', { message: 'too many requests wait', retryAfterS: 1 }),
  'too-long': () =>
    new AppError('request/context-exceeded', { message: 'its KV memory holds no such sequence' }),
}
