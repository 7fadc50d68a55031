import { z } from 'zod'
import { parseBytes, parseDurationMs } from '../core/units.ts'

/** Text that `parse` takes. It stays text, so that what is stored, shown and compared is what was written. */
const readable = (parse: (text: string) => number, example: string) =>
  z
    .string()
    .max(32)
    .refine((text) => isReadable(text, parse), `write it like ${example}`)

function isReadable(text: string, parse: (text: string) => number): boolean {
  try {
    return Number.isFinite(parse(text))
  } catch {
    return false
  }
}

/** `500ms`, `30s`, `10m`: read with `parseDurationMs`. */
export const durationText = readable(parseDurationMs, '500ms, 30s or 10m')
/** `24GiB`: read with `parseBytes`. */
export const bytesText = readable(parseBytes, '24GiB')
