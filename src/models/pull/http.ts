import { type Dispatcher, request } from 'undici'
import { AppError } from '../../core/errors.ts'
import { certificateHint, isCertificateError } from './certificate.ts'
import type { Transfer } from './transfer.ts'

/** Headers that open a request to the host that it is for. */
export type Authorise = (request: {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}) => Promise<Readonly<Record<string, string>>>

export interface HttpOptions {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  /** Sent to the host of the URL itself, never to one that it redirects to. */
  readonly token?: string | null
  /** The same for servers that want more than a token: asked before each request. */
  readonly authorise?: Authorise | null
  /** Whether a redirect already tells what the caller wants to know. */
  readonly isEnough?: (headers: ReadonlyMap<string, string>) => boolean
}

export interface HttpAnswer {
  readonly status: number
  /** Lower-case names; of several values the first. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Dispatcher.ResponseData['body']
  /** Where redirects have led. */
  readonly url: URL
}

const redirectsMax = 10
const redirects = new Set([301, 302, 303, 307, 308])

/**
 * One request with its redirects. Any status is an answer; no answer is model/download-failed.
 * The caller reads or dumps the body.
 */
export async function send(
  start: string,
  options: HttpOptions,
  transfer: Transfer,
): Promise<HttpAnswer> {
  const origin = new URL(start).origin
  let url = new URL(start)
  let isTrusted = true
  for (let step = 0; step <= redirectsMax; step++) {
    const answer = await sendOnce(url, isTrusted, options, transfer)
    const location = answer.headers.get('location')
    if (!redirects.has(answer.status) || location === undefined) return answer
    if (options.isEnough?.(answer.headers)) return answer
    await answer.body.dump()
    const next = URL.canParse(location, url.href) ? new URL(location, url) : null
    if (!next || !/^https?:$/.test(next.protocol))
      throw failed(url, `it redirects to "${location.slice(0, 200)}"`)
    if (url.protocol === 'https:' && next.protocol === 'http:')
      throw failed(url, `it redirects to ${next.host} without encryption`)
    if (next.origin !== origin) isTrusted = false
    url = next
  }
  throw failed(url, `it redirects more than ${redirectsMax} times`)
}

/** Reads a JSON answer of bounded length. */
export async function readJson(answer: HttpAnswer, bytesMax: number): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) throw failed(answer.url, `it answers with more than ${bytesMax} bytes`)
      chunks.push(chunk)
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    throw failed(answer.url, 'it does not answer with JSON', thrown)
  }
}

/** A failure after which another try makes sense. Never holds a query, where signatures stand. */
export function failed(url: URL, problem: string, cause?: unknown, retryAfterS?: number): AppError {
  return new AppError('model/download-failed', {
    message: `${url.origin}${url.pathname}: ${problem}`,
    cause,
    ...(isCertificateError(cause) ? { hint: certificateHint } : {}),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  })
}

async function sendOnce(
  url: URL,
  isTrusted: boolean,
  { method = 'GET', headers = {}, token = null, authorise = null }: HttpOptions,
  { signal, dispatcher, silenceMs }: Transfer,
): Promise<HttpAnswer> {
  const opening = isTrusted ? await authorise?.({ method, url, headers }) : {}
  try {
    const answer = await request(url, {
      method,
      headers: {
        'user-agent': 'baleen',
        'accept-encoding': 'identity',
        ...headers,
        ...(token === null || !isTrusted ? {} : { authorization: `Bearer ${token}` }),
        ...opening,
      },
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      ...(signal ? { signal } : {}),
      ...(dispatcher ? { dispatcher } : {}),
    })
    return {
      status: answer.statusCode,
      headers: firstValues(answer.headers),
      body: answer.body,
      url,
    }
  } catch (thrown) {
    signal?.throwIfAborted()
    throw failed(url, thrown instanceof Error ? thrown.message : String(thrown), thrown)
  }
}

function firstValues(headers: Dispatcher.ResponseData['headers']): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) values.set(name, first)
  }
  return values
}
