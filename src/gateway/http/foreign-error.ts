import type { ErrorCode } from '../../core/errors.ts'
import type { Outcome } from '../../contract/journal.ts'
import type { AttemptFailure } from '../policy/retry.ts'

/** What an engine's error status comes to. */
export interface EngineError {
  readonly status: number
  readonly outcome: Outcome
  readonly code: ErrorCode
  /** A full queue: soon there may be room. */
  readonly isBusy: boolean
}

/** Null: it said nothing that concerns the client. What it thinks of keys is between it and the gateway. */
export function readEngineError(failure: AttemptFailure): EngineError | null {
  if (failure.kind !== 'status') return null
  const { status } = failure
  if (status < 400 || status === 401 || status === 403) return null
  const isBusy = status === 429 || status === 503
  if (isBusy) return { status, outcome: 'failed', code: 'engine/busy', isBusy }
  if (status >= 500) return { status, outcome: 'failed', code: 'engine/failed', isBusy }
  return { status, outcome: 'rejected', code: 'request/invalid', isBusy }
}

export function explainFailure(failure: AttemptFailure, replica: string): string {
  if (failure.kind === 'timeout') return `The engine ${replica} was silent for too long.`
  if (failure.kind === 'refused') return `The engine ${replica} can not be reached.`
  if (failure.kind === 'broken') return `The engine ${replica} broke off the connection.`
  return `The engine ${replica} refused the gateway with status ${failure.status}.`
}

/**
 * An engine's error as a body that OpenAI's clients understand. One already in that form passes byte by byte; numbers in
 * place of codes and names of exceptions in place of types (vLLM), `{"detail": …}` of FastAPI, `{"message": …}` and
 * plain text are put into it. `replica`: its id.
 */
export function normaliseError(status: number, body: Buffer, replica: string): Buffer {
  const value = parse(body)
  if (isOpenAiError(value)) return body
  const message =
    findMessage(value) ??
    describe(status, value === undefined ? body.toString('utf8') : '', replica)
  const { param, code } = Object(Object(value).error) as Record<string, unknown>
  const error = {
    message,
    type: typeOf(status),
    param: typeof param === 'string' ? param : null,
    code: typeof code === 'string' ? code : codeOf(status, message),
  }
  return Buffer.from(JSON.stringify({ error }))
}

/** The same for one that comes in the middle of a stream, where it tells its status itself or not at all. */
export function normaliseEvent(event: Readonly<Record<string, unknown>>): Buffer | null {
  if (isOpenAiError(event)) return null
  const told = Number(Object(event['error'])['code'] ?? 500)
  const status = told >= 400 && told < 600 ? told : 500
  return normaliseError(status, Buffer.from(JSON.stringify(event)), 'of this model')
}

/** As OpenAI's API names them. */
function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** Codes that clients look for. */
function codeOf(status: number, message: string): string | null {
  if (status === 404 && /\bmodel\b/i.test(message)) return 'model_not_found'
  if (status === 400 && /context length|longer than the maximum model length/i.test(message))
    return 'context_length_exceeded'
  return null
}

const messageLengthMax = 2000

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

function isOpenAiError(value: unknown): boolean {
  const error = (value as { error?: unknown } | null | undefined)?.error
  if (typeof error !== 'object' || error === null) return false
  const { message, type, param, code } = error as Record<string, unknown>
  return (
    typeof message === 'string' &&
    typeof type === 'string' &&
    // `BadRequestError`, `Internal Server Error`: OpenAI's are lower case.
    /^[a-z_]+$/.test(type) &&
    (param === null || typeof param === 'string') &&
    (code === null || typeof code === 'string')
  )
}

function findMessage(value: unknown): string | null {
  if (typeof value === 'string') return shorten(value)
  if (typeof value !== 'object' || value === null) return null
  const { error, detail, message } = value as Record<string, unknown>
  if (Array.isArray(detail)) return shorten(detail.map(describeIssue).join('; '))
  for (const candidate of [error, detail, message]) {
    const found = findMessage(candidate)
    if (found !== null) return found
  }
  return null
}

/** One of FastAPI's: `{"loc": ["body", "messages"], "msg": "Field required"}`. */
function describeIssue(issue: unknown): string {
  const { loc, msg } = (issue ?? {}) as { loc?: unknown; msg?: unknown }
  const place = Array.isArray(loc) ? `${loc.slice(1).join('.')}: ` : ''
  return `${place}${typeof msg === 'string' ? msg : 'invalid'}`
}

function describe(status: number, text: string, replica: string): string {
  const isPage = /^\s*</.test(text)
  const said = isPage ? '' : text.trim()
  return said === ''
    ? `The engine ${replica} answered with status ${status} and no explanation.`
    : shorten(said)
}

const shorten = (text: string): string =>
  text.length > messageLengthMax ? `${text.slice(0, messageLengthMax)}…` : text
