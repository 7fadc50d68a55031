import type { IncomingMessage, ServerResponse } from 'node:http'
import { tickMs, type Timed, type TimingWheel } from '../timing-wheel.ts'
import { errorJson, statusOf, type Rejection } from './rejection.ts'
import { addRetryHeaders, type HeaderList } from './response-head.ts'

/** A rest of a body up to here is read and dropped, so that the connection can be used again. */
const droppedBytesMax = 64 * 2 ** 10
/** A client in the middle of a longer body gets this long to see the answer before the connection ends. */
const lingerMs = 1000
const lingerBytesMax = 4 * 2 ** 20

/** Answers with an error. The rest of the request's body is not taken in. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  wheel: TimingWheel,
  rejection: Rejection,
  headers: HeaderList,
): void {
  const body = errorJson(rejection)
  headers.push('content-type', 'application/json', 'content-length', `${Buffer.byteLength(body)}`)
  addRetryHeaders(headers, rejection.retryAfterMs, rejection.shouldRetry)
  const status = statusOf(rejection)
  if (status === 401) headers.push('www-authenticate', 'Bearer')
  // The rest of a body that came too slowly is not waited for.
  if (status !== 408 && isSmallRest(request)) {
    response.writeHead(status, headers)
    response.end(body)
    return
  }
  headers.push('connection', 'close')
  response.writeHead(status, headers)
  linger(request, response, wheel, body)
}

function isSmallRest(request: IncomingMessage): boolean {
  if (request.complete) return true
  const { 'content-length': length, 'transfer-encoding': coding, expect } = request.headers
  if (expect !== undefined || coding !== undefined) return false
  return Number(length ?? 0) <= droppedBytesMax
}

/**
 * Closing a socket with unread bytes resets it, and a reset can overtake the answer: so the answer goes out first,
 * the connection a moment later.
 */
function linger(
  request: IncomingMessage,
  response: ServerResponse,
  wheel: TimingWheel,
  body: string,
): void {
  response.write(body)
  let dropped = 0
  const lingering: Timed = {
    timedPrevious: null,
    timedNext: null,
    timedAt: -1,
    onTime: () => {
      response.end()
      request.socket.destroySoon()
    },
  }
  wheel.set(lingering, lingerMs)
  request.removeAllListeners('data')
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > lingerBytesMax) wheel.set(lingering, tickMs)
  })
  request.on('end', () => {
    wheel.clear(lingering)
    response.end()
  })
  response.on('close', () => wheel.clear(lingering))
}
