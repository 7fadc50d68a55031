import type { EventPlace } from '../policy/measurement/event-template.ts'

/**
 * Server-sent events from bytes that may be cut anywhere: inside a line, a CRLF or a character. Only complete lines
 * are decoded, so a split character never shows. Hands over the data of each event; comments, names and ids are
 * skipped, and an event that is never completed does not exist (WHATWG HTML §9.2.6).
 */
export interface SseParser {
  /** `atMs` goes through to the handler untouched. */
  read(bytes: Buffer, start: number, end: number, atMs: number): void
  /** Ready for the next stream. */
  reset(): void
}

export interface SseHandler {
  /**
   * Takes a whole event that begins at `start`, without it being decoded: returns where it ends, or −1 to have it
   * parsed.
   */
  tryWhole(bytes: Buffer, start: number, end: number, atMs: number): number
  /** `place`: where the event stands in `bytes`; null where its data is more than one line or was cut. */
  onData(data: string, atMs: number, bytes: Buffer, place: EventPlace | null): void
}

export function createSseParser(handler: SseHandler): SseParser {
  let rest: Buffer | null = null
  let data: string | null = null
  let skipsLineFeed = false
  let isFirstLine = true
  /** Of the data so far, in the bytes now being read; −1: none, or not in one piece. */
  let lineStart = -1
  let dataStart = -1

  function line(bytes: Buffer, start: number, end: number, atMs: number, next: number): void {
    let from = start
    if (isFirstLine) {
      isFirstLine = false
      if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) from += 3
    }
    if (from >= end) {
      if (data === null) return
      const complete = data
      const place = lineStart < 0 ? null : { start: lineStart, dataStart, end: next }
      data = null
      lineStart = -1
      handler.onData(complete, atMs, bytes, place)
    } else if (isDataLine(bytes, from, end)) {
      const isOnlyLine = data === null && next >= 0
      from += 4
      if (from < end) from += bytes[from + 1] === space && from + 1 < end ? 2 : 1
      lineStart = isOnlyLine ? start : -1
      dataStart = from
      const text = bytes.toString('utf8', from, end)
      data = data === null ? text : `${data}\n${text}`
    }
  }

  return {
    read(bytes, start, end, atMs) {
      // What was read before stood in other bytes.
      lineStart = -1
      let from = start
      for (let index = start; index < end; index++) {
        if (index === from && rest === null && data === null) {
          const whole = handler.tryWhole(bytes, index, end, atMs)
          if (whole !== -1) {
            isFirstLine = false
            skipsLineFeed = bytes[whole - 1] === carriageReturn
            from = whole
            index = whole - 1
            continue
          }
        }
        const byte = bytes[index]!
        if (byte !== lineFeed && byte !== carriageReturn) {
          skipsLineFeed = false
          continue
        }
        if (byte === lineFeed && skipsLineFeed) {
          skipsLineFeed = false
          from = index + 1
          continue
        }
        skipsLineFeed = byte === carriageReturn
        if (rest === null) {
          const isPair = skipsLineFeed && index + 1 < end && bytes[index + 1] === lineFeed
          line(bytes, from, index, atMs, index + (isPair ? 2 : 1))
        } else {
          const whole = Buffer.concat([rest, bytes.subarray(from, index)])
          rest = null
          line(whole, 0, whole.length, atMs, -1)
        }
        from = index + 1
      }
      if (from < end) {
        // The caller's buffer is used again for the next read: keep a copy.
        const tail = bytes.subarray(from, end)
        rest = rest === null ? Buffer.from(tail) : Buffer.concat([rest, tail])
      }
    },
    reset() {
      rest = null
      data = null
      skipsLineFeed = false
      isFirstLine = true
      lineStart = -1
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
