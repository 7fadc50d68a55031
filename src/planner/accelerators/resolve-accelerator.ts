import type { Accelerator } from '../accelerator.ts'
import { editDistance } from '../../core/nearest.ts'
import type { DeviceEntry } from './device.ts'
import { nvidiaDevices } from './nvidia.ts'
import { otherDevices } from './others.ts'

export const acceleratorCatalogue: readonly DeviceEntry[] = [...nvidiaDevices, ...otherDevices]

/**
 * Finds a device by the names that drivers, clouds and result tables use: "NVIDIA H100 80GB HBM3",
 * "h100_sxm", "AMD Instinct MI300X 192GB HBM3". Null where nothing fits.
 */
export function resolveAccelerator(name: string): Accelerator | null {
  const words = deviceWords(name)
  const key = words.join('')
  if (key === '') return null
  const exact = byKey.get(key)
  if (exact) return exact
  let best: { key: string; device: Accelerator } | null = null
  for (const [known, device] of byKey)
    if (contains(words, known) && known.length > (best?.key.length ?? 0))
      best = { key: known, device }
  return best?.device ?? null
}

/** Names close to one that was not found, for the message. */
export function suggestAccelerators(name: string, count = 3): string[] {
  const wanted = deviceWords(name).join('')
  const close = [...byKey].map(([key, device]) => ({
    name: device.name,
    distance: editDistance(wanted, key) / Math.max(wanted.length, key.length),
  }))
  return [...new Set(close.sort((a, b) => a.distance - b.distance).map((one) => one.name))].slice(
    0,
    count,
  )
}

const deviceWords = (name: string): string[] =>
  name
    .toLowerCase()
    .replace(/\(.*?\)/g, ' ')
    .replace(
      /nvidia|geforce|amd|instinct|habana|intel\(r\)|tesla|google|aws|tensor core|gpu|node/g,
      ' ',
    )
    .split(/[^a-z0-9+]+/)
    .filter(Boolean)

/**
 * A known name inside a longer one, at a boundary: "a10" must not answer for "a100", nor "l40" for "l40x". What is known
 * to be glued to a name says how it is packed.
 */
function contains(words: readonly string[], known: string): boolean {
  const key = words.join('')
  const at = key.indexOf(known)
  if (at < 0) return false
  const before = key[at - 1] ?? ''
  let end = 0
  const ends = words.map((word) => (end += word.length))
  const isWhole =
    ends.includes(at + known.length) ||
    /^(sxm|pcie|nvl|hbm|oam|x\d)/.test(key.slice(at + known.length))
  return (
    isWhole &&
    !(/[a-z]/.test(before) && known.length < 5) &&
    !(/\d/.test(before) && /\d/.test(known[0] ?? ''))
  )
}

const byKey = index()

function index(): Map<string, Accelerator> {
  const keys = new Map<string, Accelerator>()
  for (const { accelerator, aliases } of acceleratorCatalogue)
    for (const name of [accelerator.name, ...aliases]) {
      keys.set(deviceWords(name).join(''), accelerator)
      // "4090" alone is clear enough.
      if (/^RTX \d{4}$/.test(name)) keys.set(name.slice(4), accelerator)
    }
  return keys
}
