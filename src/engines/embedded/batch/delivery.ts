import type { Clock } from '../../../core/clock.ts'
import { AppError, toAppError } from '../../../core/errors.ts'
import type { Generation, GenerationEnd } from './generation.ts'
import type { Sampled } from './run-step.ts'
import type { Work } from './sequence.ts'

/** One sampled token on its way to its generation. */
export interface Outcome extends Sampled {
  readonly work: Work
  readonly isEnd: boolean
  readonly isLast: boolean
}

/** A generation that has no sequence yet. */
export interface Waiting {
  readonly generation: Generation
  readonly arrivedMs: number
}

/** Tells generations their tokens and, once, their end. Nothing in here throws. */
export interface Delivery {
  deliver(outcome: Outcome): void
  report(work: Work, reason: GenerationEnd['reason'], error?: AppError): void
  /** `error` absent: it was cancelled. */
  dropWaiting(waiting: Waiting, error?: AppError): void
  readonly deliveredTokens: number
}

export function createDelivery(deps: {
  readonly clock: Clock
  onEnd(end: GenerationEnd, generation: Generation): void
}): Delivery {
  const { clock } = deps
  let deliveredTokens = 0

  function tell(generation: Generation, end: GenerationEnd): void {
    deps.onEnd(end, generation)
    try {
      generation.onEnd(end)
    } catch {
      // Whoever listens broke; there is nobody left to tell.
    }
  }

  function report(work: Work, reason: GenerationEnd['reason'], error?: AppError): void {
    if (work.isReported) return
    work.isReported = true
    const { generation, arrivedMs, startedMs, firstTokenMs, cachedTokens } = work
    tell(generation, {
      reason,
      error: error ?? null,
      generatedTokens: work.deliveredTokens,
      cachedTokens,
      timing: { arrivedMs, startedMs, firstTokenMs, endedMs: clock.monotonicMs() },
    })
  }

  function deliver({ work, token, distribution, isEnd, isLast }: Outcome): void {
    const { generation } = work
    if (work.isReported) return
    if (generation.isCancelled) return report(work, 'cancelled')
    if (token < 0) return report(work, 'failed', noToken())
    if (generation.maxTokens === 0) return report(work, 'length')
    work.deliveredTokens++
    deliveredTokens++
    if (isEnd) return report(work, 'stop')
    try {
      if (!generation.onToken(token, distribution)) report(work, 'stop')
      else if (isLast) report(work, 'length')
    } catch (thrown) {
      report(work, 'failed', toAppError(thrown))
    }
  }

  return {
    deliver,
    report,
    dropWaiting({ generation, arrivedMs }, error) {
      const endedMs = clock.monotonicMs()
      tell(generation, {
        reason: error ? 'failed' : 'cancelled',
        error: error ?? null,
        generatedTokens: 0,
        cachedTokens: 0,
        timing: { arrivedMs, startedMs: null, firstTokenMs: null, endedMs },
      })
    },
    get deliveredTokens() {
      return deliveredTokens
    },
  }
}

const noToken = (): AppError =>
  new AppError('engine/failed', { message: 'the model gave no token: it has no logits' })
