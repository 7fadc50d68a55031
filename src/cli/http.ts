import { errorBody } from '../contract/api.ts'
import { AppError, catalogue, type ErrorCode } from '../core/errors.ts'

export interface Call {
  readonly url: string
  readonly method?: string
  readonly token: string
  readonly body?: unknown
  /** Longest wait for the answer's headers and, unless it streams, its end. */
  readonly timeoutMs: number
  readonly interrupt: AbortSignal
  /** For an answer that may be silent for hours: neither its begin nor its end has a deadline. */
  readonly isEndless?: boolean
}

/** An answer with status 2xx. Errors: what the server said, `cli/unreachable`, `cli/timeout`, `cli/interrupted`. */
export async function send(call: Call): Promise<Response> {
  const timeout = new AbortController()
  const timer = setTimeout(() => {
    if (!call.isEndless) timeout.abort()
  }, call.timeoutMs)
  try {
    const fetchIt = call.isEndless ? await endlessFetch() : fetch
    const response = await fetchIt(call.url, {
      method: call.method ?? 'GET',
      headers: {
        authorization: `Bearer ${call.token}`,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: AbortSignal.any([timeout.signal, call.interrupt]),
    })
    if (!response.ok) throw await asError(response)
    return response
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    if (timeout.signal.aborted)
      throw new AppError('cli/timeout', {
        message: `no answer from ${new URL(call.url).origin} within ${call.timeoutMs} ms`,
        cause: thrown,
      })
    throw asConnectionError(thrown, call)
  } finally {
    clearTimeout(timer)
  }
}

/** Node's own fetch gives up after five minutes of silence, and only the library it is made of can be told not to. */
async function endlessFetch(): Promise<typeof fetch> {
  const { Agent, fetch: libraryFetch } = await import('undici')
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
  const patient: unknown = (url: string, options: object) =>
    libraryFetch(url, { ...options, dispatcher })
  return patient as typeof fetch
}

/** What broke a connection: the person, or the other end. */
export function asConnectionError(
  thrown: unknown,
  call: Pick<Call, 'url' | 'interrupt'>,
): AppError {
  if (thrown instanceof AppError) return thrown
  if (call.interrupt.aborted)
    return new AppError('cli/interrupted', { message: 'interrupted', cause: thrown })
  const reason = (thrown as Error).cause ?? thrown
  return new AppError('cli/unreachable', {
    message: `${new URL(call.url).origin} does not answer: ${reason instanceof Error ? reason.message || reason.name : String(reason)}`,
    cause: thrown,
  })
}

async function asError(response: Response): Promise<AppError> {
  const text = await response.text().catch(() => '')
  const parsed = errorBody.safeParse(parseJson(text))
  if (!parsed.success)
    return new AppError('cli/bad-answer', {
      message: `${new URL(response.url).origin} answered ${response.status} without saying why`,
    })
  const { code, message, param, hint } = parsed.data.error
  return new AppError(knownCode(code, response.status), {
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(param === null ? {} : { param }),
  })
}

/** A gateway speaks OpenAI's codes, a newer server may have codes that this catalogue lacks. */
function knownCode(code: string | null, status: number): ErrorCode {
  if (code !== null && code in catalogue) return code as ErrorCode
  if (status === 401) return 'key/unknown'
  if (status === 403) return 'key/forbidden'
  if (status === 404) return 'gateway/unknown-model'
  if (status === 429) return 'limit/requests'
  if (status === 503) return 'gateway/no-ready-replica'
  return status < 500 ? 'request/invalid' : 'cli/bad-answer'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
