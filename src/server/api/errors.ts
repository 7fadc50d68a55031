import type { FastifyError, FastifyReply } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  type ZodFastifySchemaValidationError,
} from 'fastify-type-provider-zod'
import type { z } from 'zod'
import type { ErrorBody } from '../../contract/api.ts'
import { explainIssue } from '../../contract/explain-issue.ts'
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
    const { param, text } = explainIssue(issueOf(thrown.validation[0]!))
    const message = `${param === '' ? (thrown.validationContext ?? 'request') : param}: ${text}`
    return new AppError('request/invalid', { message, ...(param === '' ? {} : { param }) })
  }
  const { code, statusCode, message } = thrown as Partial<FastifyError>
  const known = fastifyCodes[code ?? '']
  if (known) return new AppError(known, { message: message ?? '', cause: thrown })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new AppError('request/invalid', { message: message ?? '', cause: thrown })
  return toAppError(thrown)
}

/** zod's own issue, which the library has taken apart. */
const issueOf = (one: ZodFastifySchemaValidationError): z.core.$ZodIssue =>
  ({
    ...one.params,
    code: one.keyword,
    path: one.instancePath.split('/').filter((step) => step !== ''),
    message: one.message,
  }) as unknown as z.core.$ZodIssue

function errorBodyOf(error: AppError): ErrorBody {
  const { message, hint, type, code, param } = error
  return { error: { message, hint, type, param: param ?? null, code } }
}

export function sendError(reply: FastifyReply, error: AppError): FastifyReply {
  if (error.retryAfterS !== undefined || error.retryable)
    void reply.header('retry-after', Math.ceil(error.retryAfterS ?? 1))
  return reply.code(error.status).send(errorBodyOf(error))
}
