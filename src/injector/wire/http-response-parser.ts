/**
 * HTTP/1.1 responses from bytes that may be cut anywhere. Ours rather than undici's because the injector has to stamp
 * bytes as they leave the socket, before anything is parsed, and to hold thousands of streams without a promise or a
 * stream object for each.
 */
export interface HttpResponseParser {
  /** Returns what is wrong with the bytes; null: nothing. */
  read(bytes: Buffer, start: number, end: number, atMs: number): string | null
  /** The connection ended. True: that was a proper end of the message. */
  endOfInput(atMs: number): boolean
  /** Ready for the next response on the same connection. */
  reset(): void
}

export interface ResponseHandler {
  onHead(head: ResponseHead, atMs: number): void
  onBody(bytes: Buffer, start: number, end: number, atMs: number): void
  onEnd(atMs: number): void
}

export interface ResponseHead {
  readonly status: number
  readonly contentType: string
  readonly isKeptAlive: boolean
  /** `keep-alive: timeout=…`, how long the server keeps the idle connection; null: not said. */
  readonly keepAliveTimeoutMs: number | null
}

const headBytesMax = 64 * 1024

export function createHttpResponseParser(handler: ResponseHandler): HttpResponseParser {
  let state: 'head' | 'length' | 'size' | 'chunk' | 'chunk-end' | 'trailer' | 'to-close' | 'done' =
    'head'
  let remaining = 0
  let kept: Buffer | null = null

  /** Takes a line off the input (without its end), or null after keeping what there is of it. */
  let cursor = 0
  function takeLine(bytes: Buffer, end: number): string | null {
    let feed = cursor
    while (feed < end && bytes[feed] !== 0x0a) feed++
    if (feed === end) {
      keep(bytes, cursor, end)
      cursor = end
      return null
    }
    const part = bytes.toString('latin1', cursor, feed)
    cursor = feed + 1
    const line = kept === null ? part : kept.toString('latin1') + part
    kept = null
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }
  function keep(bytes: Buffer, start: number, end: number): void {
    const tail = bytes.subarray(start, end)
    kept = kept === null ? Buffer.from(tail) : Buffer.concat([kept, tail])
  }
  function finish(atMs: number): void {
    state = 'done'
    handler.onEnd(atMs)
  }

  function readHead(bytes: Buffer, end: number, atMs: number): string | null {
    const whole: Buffer = kept === null ? bytes : Buffer.concat([kept, bytes.subarray(cursor, end)])
    const from = kept === null ? cursor : 0
    const to = kept === null ? end : whole.length
    const close = endOfHead(whole, from, to)
    if (close === -1) {
      if (to - from > headBytesMax) return 'the head of the answer is too long'
      kept = Buffer.from(whole.subarray(from, to))
      cursor = end
      return null
    }
    cursor = end - (to - (close + 4))
    kept = null
    const parsed = parseHead(whole, from, close)
    if (typeof parsed === 'string') return parsed
    if (parsed.status < 200 && parsed.status !== 101) return null
    handler.onHead(parsed, atMs)
    if (parsed.status === 204 || parsed.status === 304 || parsed.length === 0) finish(atMs)
    else if (parsed.isChunked) state = 'size'
    else if (parsed.length === null) state = 'to-close'
    else {
      state = 'length'
      remaining = parsed.length
    }
    return null
  }

  function readChunkSize(bytes: Buffer, end: number): string | null {
    // The usual form, digits and CRLF at once, is read without making a string.
    let size = 0
    for (let index = cursor; kept === null && index < Math.min(end - 1, cursor + 8); index++) {
      const digit = hexDigit(bytes[index]!)
      if (digit >= 0) size = size * 16 + digit
      else if (index > cursor && size > 0 && bytes[index] === 0x0d && bytes[index + 1] === 0x0a) {
        cursor = index + 2
        remaining = size
        state = 'chunk'
        return null
      } else break
    }
    const line = takeLine(bytes, end)
    if (line === null) return null
    const digits = /^\s*([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(line)
    if (!digits) return `"${line.slice(0, 40)}" is not the size of a chunk`
    remaining = Number.parseInt(digits[1]!, 16)
    state = remaining === 0 ? 'trailer' : 'chunk'
    return null
  }

  function readData(bytes: Buffer, end: number, atMs: number): void {
    const until = state === 'to-close' ? end : Math.min(end, cursor + remaining)
    const from = cursor
    cursor = until
    remaining -= until - from
    handler.onBody(bytes, from, until, atMs)
    if (state === 'to-close' || remaining > 0) return
    if (state === 'chunk') state = 'chunk-end'
    else finish(atMs)
  }

  return {
    read(bytes, start, end, atMs) {
      cursor = start
      while (cursor < end) {
        let problem: string | null = null
        if (state === 'head') problem = readHead(bytes, end, atMs)
        else if (state === 'size') problem = readChunkSize(bytes, end)
        else if (state === 'chunk-end') {
          if (
            kept === null &&
            bytes[cursor] === 0x0d &&
            cursor + 1 < end &&
            bytes[cursor + 1] === 0x0a
          ) {
            cursor += 2
            state = 'size'
            continue
          }
          const line = takeLine(bytes, end)
          if (line === '') state = 'size'
          else if (line !== null) problem = 'a chunk is longer than it says'
        } else if (state === 'trailer') {
          if (takeLine(bytes, end) === '') finish(atMs)
        } else if (state === 'done') return 'bytes after the end of the answer'
        else readData(bytes, end, atMs)
        if (problem !== null) return problem
      }
      return null
    },
    endOfInput(atMs) {
      if (state === 'done') return true
      if (state !== 'to-close') return false
      finish(atMs)
      return true
    },
    reset() {
      state = 'head'
      remaining = 0
      kept = null
    },
  }
}

/** Where the blank line begins; −1: it has not come. Not `indexOf`: what the buffer held before lies beyond `end`. */
function endOfHead(bytes: Buffer, start: number, end: number): number {
  for (let at = start + 3; at < end; at++)
    if (
      bytes[at] === 0x0a &&
      bytes[at - 1] === 0x0d &&
      bytes[at - 2] === 0x0a &&
      bytes[at - 3] === 0x0d
    )
      return at - 3
  return -1
}

/** −1: none. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

interface ParsedHead extends ResponseHead {
  readonly isChunked: boolean
  readonly length: number | null
}

/** By the bytes: as strings, the headers that nobody asks for would cost most of the time. */
function parseHead(bytes: Buffer, start: number, end: number): ParsedHead | string {
  let at = lineEnd(bytes, start, end)
  const status = statusOf(bytes, start, at)
  if (status === -1)
    return `"${bytes.toString('latin1', start, Math.min(at, start + 60))}" is not an HTTP/1.1 status line`
  const head = {
    status,
    contentType: '',
    // HTTP/1.0 has to ask for it, and no server of streams does.
    isKeptAlive: bytes[start + 7] === 0x31,
    keepAliveTimeoutMs: null as number | null,
    isChunked: false,
    length: null as number | null,
  }
  while (at < end) {
    const lineStart = at + 2
    at = lineEnd(bytes, lineStart, end)
    let colon = lineStart
    while (colon < at && bytes[colon] !== 0x3a) colon++
    const value = () => bytes.toString('latin1', colon + 1, at).trim()
    if (isName(bytes, lineStart, colon, 'content-type')) head.contentType = value().toLowerCase()
    else if (isName(bytes, lineStart, colon, 'transfer-encoding'))
      head.isChunked = value().toLowerCase().endsWith('chunked')
    else if (isName(bytes, lineStart, colon, 'content-length')) {
      const text = value()
      if (!/^\d+$/.test(text)) return `"${text.slice(0, 40)}" is not a content-length`
      head.length = Number(text)
    } else if (isName(bytes, lineStart, colon, 'connection')) {
      if (value().toLowerCase() === 'close') head.isKeptAlive = false
    } else if (isName(bytes, lineStart, colon, 'keep-alive')) {
      const seconds = /timeout=(\d+)/i.exec(value())?.[1]
      if (seconds !== undefined) head.keepAliveTimeoutMs = Number(seconds) * 1000
    }
  }
  if (head.isChunked) head.length = null
  else if (head.length === null) head.isKeptAlive = false
  return head
}

/** Where the CRLF stands that ends the line, or the end. */
function lineEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at + 1 < end; at++)
    if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) return at
  return end
}

/** `HTTP/1.x NNN`, and a blank or nothing after it. −1: it is none. */
function statusOf(bytes: Buffer, start: number, end: number): number {
  if (end - start < 12 || (end - start > 12 && bytes[start + 12] !== 0x20)) return -1
  const text = bytes.toString('latin1', start, start + 12)
  return /^HTTP\/1\.[01] \d{3}$/.test(text) ? Number(text.slice(9)) : -1
}

/** Whatever the case; `name` is in lower case. */
function isName(bytes: Buffer, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++)
    if ((bytes[start + index]! | 0x20) !== name.charCodeAt(index)) return false
  return true
}
