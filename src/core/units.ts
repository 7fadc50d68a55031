import { AppError } from './errors.ts'

const byteFactors: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}
const durationFactors: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 }
const countFactors: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 1024,
  mi: 1024 ** 2,
}

function parse(
  text: string,
  factors: Record<string, number>,
  kind: string,
  example: string,
): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const factor = factors[match?.[2]?.toLowerCase() ?? 'none']
  if (!match || factor === undefined)
    throw new AppError('request/invalid', {
      message: `"${text}" is not a ${kind}; write it like ${example}`,
    })
  return Number(match[1]) * factor
}

/** "16MiB" → 16777216. */
export const parseBytes = (text: string): number =>
  Math.round(parse(text, byteFactors, 'size', '512MiB or 16GB'))

/** "1.5s" → 1500. A unit is required: a bare number is a guess. */
export const parseDurationMs = (text: string): number =>
  parse(text, durationFactors, 'duration', '500ms, 30s or 10m')

/** "8k" → 8000, "8ki" → 8192. */
export const parseCount = (text: string): number =>
  Math.round(parse(text, countFactors, 'number', '8000 or 8k'))

/** 16777216 → "16.0 MiB". */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  // Rounding to one decimal must not arrive at "1024.0 KiB".
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** 90000 → "1m30s"; below a minute one decimal: "2.5s", "340ms". */
export function formatDurationMs(durationMs: number): string {
  // The limits are where rounding would arrive at the next unit.
  if (durationMs < 999.5) return `${Math.round(durationMs)}ms`
  if (durationMs < 59_950) return `${Number((durationMs / 1000).toFixed(1))}s`
  const totalS = Math.round(durationMs / 1000)
  const parts: [number, string][] = [
    [Math.floor(totalS / 86_400), 'd'],
    [Math.floor(totalS / 3600) % 24, 'h'],
    [Math.floor(totalS / 60) % 60, 'm'],
    [totalS % 60, 's'],
  ]
  return parts
    .filter(([value]) => value > 0)
    .slice(0, 2)
    .map(([value, unit]) => `${value}${unit}`)
    .join('')
}
