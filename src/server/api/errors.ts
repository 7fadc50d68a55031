import type { FastifyError, FastifyReply } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import type { ErrorBody } from '../../contract/api.ts'
import { AppError, toAppError, type ErrorCode } from '../../core/errors.ts'

/** What Fastify itself refuses, by its code. */
const fastifyCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'request/not-json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'request/not-json',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'request/not-json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'request/too-large',
}

/** The coded error for whatever a request ran into. */
export function asApiError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const [issue] = thrown.validation
    const path = (issue?.instancePath ?? '').slice(1).replaceAll('/', '.')
    const message = `${path === '' ? (thrown.validationContext ?? 'request') : path}: ${issue?.message}`
    return new AppError('request/invalid', { message, ...(path === '' ? {} : { param: path }) })
  }
  const { code, statusCode, message } = thrown as Partial<FastifyError>
  const known = fastifyCodes[code ?? '']
  if (known) return new AppError(known, { message: message ?? '', cause: thrown })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new AppError('request/invalid', { message: message ?? '', cause: thrown })
  return toAppError(thrown)
}

function errorBodyOf(error: AppError): ErrorBody {
  const { message, hint, type, code, param } = error
  return { error: { message, hint, type, param: param ?? null, code } }
}

export function sendError(reply: FastifyReply, error: AppError): FastifyReply {
  if (error.retryAfterS !== undefined || error.retryable)
    void reply.header('retry-after', Math.ceil(error.retryAfterS ?? 1))
  return reply.code(error.status).send(errorBodyOf(error))
}
