import { StringDecoder } from 'node:string_decoder'

/**
 * Tokens' bytes in, text out that may be shown: whole characters only, and nothing that is or may become a stop
 * string.
 */
export interface TextStream {
  /** Returns what can be shown now. After a stop it stays empty. */
  push(bytes: Uint8Array): string
  /** What was held back in case it became a stop string. A cut-off character is dropped. */
  end(): string
  readonly isStopped: boolean
}

export function createTextStream(stops: readonly string[]): TextStream {
  const decoder = new StringDecoder('utf8')
  let held = ''
  let isStopped = false
  return {
    push(bytes) {
      if (isStopped) return ''
      const text = decoder.write(bytes)
      if (stops.length === 0 || text === '') return text
      held += text
      const at = firstStop(held, stops)
      if (at >= 0) {
        isStopped = true
        const shown = held.slice(0, at)
        held = ''
        return shown
      }
      const keep = heldBack(held, stops)
      const shown = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return shown
    },
    end() {
      const shown = held
      held = ''
      return shown
    },
    get isStopped() {
      return isStopped
    },
  }
}

/** Length of the longest end of `text` that one of `stops` begins with. */
export function heldBack(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops)
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--)
      if (text.endsWith(stop.slice(0, length))) longest = length
  return longest
}

function firstStop(text: string, stops: readonly string[]): number {
  let first = -1
  for (const stop of stops) {
    const at = text.indexOf(stop)
    if (at >= 0 && (first < 0 || at < first)) first = at
  }
  return first
}
