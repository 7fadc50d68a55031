import { catalogue, type ErrorCode } from '../../core/errors.ts'

/** Why a request gets an error. A value, not an exception: refusing is ordinary and has to be cheap. */
export interface Rejection {
  readonly code: ErrorCode
  readonly message: string
  readonly param: string | null
  /** What OpenAI's own API says in `code`, where it has a word for it. */
  readonly apiCode: string | null
  readonly retryAfterMs: number | null
  /** False tells OpenAI's clients not to repeat it by themselves. */
  readonly shouldRetry: boolean | null
}

export function reject(
  code: ErrorCode,
  message: string,
  detail: Partial<Omit<Rejection, 'code' | 'message'>> = {},
): Rejection {
  const { param = null, apiCode = null, retryAfterMs = null, shouldRetry = null } = detail
  return { code, message, param, apiCode, retryAfterMs, shouldRetry }
}

export const statusOf = (rejection: Rejection): number => catalogue[rejection.code].status

/** The error in OpenAI's form, which its clients unpack. */
export function errorJson(rejection: Rejection): string {
  return JSON.stringify({
    error: {
      message: rejection.message,
      type: catalogue[rejection.code].type,
      param: rejection.param,
      code: rejection.apiCode ?? codes[rejection.code] ?? rejection.code,
    },
  })
}

/** Codes that clients of OpenAI's API know; every other error keeps Baleen's own code. */
const codes: Partial<Record<ErrorCode, string>> = {
  'key/missing': 'invalid_api_key',
  'key/unknown': 'invalid_api_key',
  'gateway/unknown-model': 'model_not_found',
  'limit/requests': 'rate_limit_exceeded',
  'limit/tokens': 'rate_limit_exceeded',
  'request/context-exceeded': 'context_length_exceeded',
}
