import type { ServerResponse } from 'node:http'
import { AppError } from '../../../core/errors.ts'
import type { BatchLoop } from '../batch/batch-loop.ts'
import type { Generation, GenerationEnd } from '../batch/generation.ts'
import type { Distribution, SamplingOptions } from '../model/session.ts'
import { createTextStream } from '../text/text-stream.ts'
import { contextExceeded } from './errors.ts'
import type { GenerationRequest } from './requests.ts'
import type { Serving } from './serving.ts'

/** What one answer is made from. */
export interface AnswerPlan {
  readonly prompt: Uint32Array
  readonly maxTokens: number
  readonly sampling: SamplingOptions
  readonly stops: readonly string[]
  readonly wantsDistributions: boolean
  readonly wantsPromptDistributions: boolean
}

/** Hears of one answer as it comes. */
export interface AnswerListener {
  /** Each token, also those whose text is held back. */
  onToken?(token: number, distribution: Distribution | null): void
  onPromptDistribution?(position: number, distribution: Distribution): void
  /** Text to show; never empty, never part of a character or of a stop string. */
  onText(text: string): void
  onEnd(end: GenerationEnd): void
}

/** Runs the answers and resolves when all have ended. A closed connection cancels them; a failed one rejects. */
export function runAnswers(
  loop: BatchLoop,
  serving: Serving,
  answers: readonly { readonly plan: AnswerPlan; readonly listener: AnswerListener }[],
  response: ServerResponse,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = answers.length
    const generations = answers.map(({ plan, listener }) =>
      createGeneration(serving, plan, listener, (end) => {
        if (end.reason === 'failed') {
          for (const generation of generations) generation.isCancelled = true
          reject(end.error ?? new AppError('engine/failed', { message: 'the answer failed' }))
        }
        if (--left === 0) resolve()
      }),
    )
    const cancel = (): void => {
      for (const generation of generations) generation.isCancelled = true
    }
    if (response.destroyed) return resolve()
    response.once('close', cancel)
    loop.submit(generations)
  })
}

/** Tokens the answer may have. Throws `request/context-exceeded`; nothing is ever cut off silently. */
export function answerRoom(
  contextTokens: number,
  promptTokens: number,
  maxTokens: number | null,
  param: string,
): number {
  const room = contextTokens - promptTokens
  if (room < (maxTokens ?? 1)) throw contextExceeded(contextTokens, promptTokens, maxTokens, param)
  return maxTokens ?? room
}

export function readStops(request: GenerationRequest): readonly string[] {
  const { stop } = request
  return typeof stop === 'string' ? [stop] : (stop ?? [])
}

/** Throws `request/invalid` on stream options without a stream. */
export function wantsUsage(request: GenerationRequest): boolean {
  if (request.stream_options && request.stream !== true)
    throw new AppError('request/invalid', {
      message: 'stream_options: only allowed with "stream": true',
      param: 'stream_options',
    })
  return request.stream_options?.include_usage === true
}

function createGeneration(
  { vocabulary }: Serving,
  plan: AnswerPlan,
  listener: AnswerListener,
  onEnd: (end: GenerationEnd) => void,
): Generation {
  const text = createTextStream(plan.stops)
  const show = (shown: string): void => {
    if (shown !== '') listener.onText(shown)
  }
  const { prompt, maxTokens, sampling, wantsDistributions, wantsPromptDistributions } = plan
  return {
    prompt,
    maxTokens,
    sampling,
    wantsDistributions,
    wantsPromptDistributions,
    isCancelled: false,
    onPromptDistribution: (position, distribution) =>
      listener.onPromptDistribution?.(position, distribution),
    onToken(token, distribution) {
      listener.onToken?.(token, distribution)
      show(text.push(vocabulary.bytesOf(token)))
      return !text.isStopped
    },
    onEnd(end) {
      if (end.reason === 'stop' || end.reason === 'length') {
        show(text.end())
        listener.onEnd(end)
      }
      onEnd(end)
    },
  }
}
