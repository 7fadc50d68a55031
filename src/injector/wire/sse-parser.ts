/**
 * Server-sent events from bytes that may be cut anywhere: inside a line, a CRLF or a character. Only complete lines
 * are decoded, so a split character never shows. Hands over the data of each event; comments, names and ids are
 * skipped, and an event that is never completed does not exist (WHATWG HTML §9.2.6).
 */
export interface SseParser {
  /** `atMs` goes through to `onData` untouched. */
  read(bytes: Buffer, start: number, end: number, atMs: number): void
}

export function createSseParser(onData: (data: string, atMs: number) => void): SseParser {
  let rest: Buffer | null = null
  let data: string | null = null
  let skipsLineFeed = false
  let isFirstLine = true

  function line(bytes: Buffer, start: number, end: number, atMs: number): void {
    let from = start
    if (isFirstLine) {
      isFirstLine = false
      if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) from += 3
    }
    if (from >= end) {
      if (data === null) return
      const complete = data
      data = null
      onData(complete, atMs)
    } else if (isDataLine(bytes, from, end)) {
      from += 4
      if (from < end) from += bytes[from + 1] === space && from + 1 < end ? 2 : 1
      const text = bytes.toString('utf8', from, end)
      data = data === null ? text : `${data}\n${text}`
    }
  }

  return {
    read(bytes, start, end, atMs) {
      let lineStart = start
      for (let index = start; index < end; index++) {
        const byte = bytes[index]!
        if (byte !== lineFeed && byte !== carriageReturn) {
          skipsLineFeed = false
          continue
        }
        if (byte === lineFeed && skipsLineFeed) {
          skipsLineFeed = false
          lineStart = index + 1
          continue
        }
        skipsLineFeed = byte === carriageReturn
        if (rest === null) line(bytes, lineStart, index, atMs)
        else {
          const whole = Buffer.concat([rest, bytes.subarray(lineStart, index)])
          rest = null
          line(whole, 0, whole.length, atMs)
        }
        lineStart = index + 1
      }
      if (lineStart < end) {
        // The caller's buffer is used again for the next read: keep a copy.
        const tail = bytes.subarray(lineStart, end)
        rest = rest === null ? Buffer.from(tail) : Buffer.concat([rest, tail])
      }
    },
  }
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const colon = 0x3a

/** `data` alone, or `data:` and anything. */
const isDataLine = (bytes: Buffer, start: number, end: number): boolean =>
  bytes[start] === 0x64 &&
  bytes[start + 1] === 0x61 &&
  bytes[start + 2] === 0x74 &&
  bytes[start + 3] === 0x61 &&
  (end === start + 4 || (end > start + 4 && bytes[start + 4] === colon))
