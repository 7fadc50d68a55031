import { AppError } from '../../../core/errors.ts'
import type { ErrorBody } from '../../../contract/api.ts'

/** Codes for which OpenAI has a name of its own, which clients look for. */
const openAiCodes: Partial<Record<AppError['code'], string>> = {
  'request/context-exceeded': 'context_length_exceeded',
}

export const errorBody = (error: AppError): ErrorBody => ({
  error: {
    message: error.hint ? `${error.message}. ${error.hint}` : error.message,
    type: error.type,
    param: error.param ?? null,
    code: openAiCodes[error.code] ?? error.code,
  },
})

export const errorHeaders = (error: AppError): Record<string, string> =>
  error.status === 503 ? { 'retry-after': String(error.retryAfterS ?? 1) } : {}

export const contextExceeded = (
  contextTokens: number,
  promptTokens: number,
  maxTokens: number | null,
  param: string,
): AppError =>
  new AppError('request/context-exceeded', {
    message:
      maxTokens === null
        ? `this model holds ${contextTokens} tokens and the prompt alone has ${promptTokens}`
        : `this model holds ${contextTokens} tokens; the prompt has ${promptTokens} and ${maxTokens} more were asked for`,
    param,
  })
