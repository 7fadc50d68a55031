import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'

/** An error as a thread can tell it. */
export interface ThreadFailure {
  readonly type: 'failed'
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  readonly retryAfterS: number | null
}

export function toThreadFailure(thrown: unknown): ThreadFailure {
  const { code, message, hint, retryAfterS = null } = toAppError(thrown)
  return { type: 'failed', code, message, hint, retryAfterS }
}

export function fromThreadFailure(failure: ThreadFailure): AppError {
  const { code, message, hint, retryAfterS } = failure
  return new AppError(code, {
    message,
    hint,
    ...(retryAfterS === null ? {} : { retryAfterS }),
  })
}
