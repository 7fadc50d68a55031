import type { Accelerator } from '../accelerator.ts'
import type { DeviceEntry } from './device.ts'
import { nvidiaDevices } from './nvidia.ts'
import { otherDevices } from './others.ts'

export const acceleratorCatalogue: readonly DeviceEntry[] = [...nvidiaDevices, ...otherDevices]

/**
 * Finds a device by the names that drivers, clouds and result tables use: "NVIDIA H100 80GB HBM3",
 * "h100_sxm", "AMD Instinct MI300X 192GB HBM3". Null where nothing fits.
 */
export function resolveAccelerator(name: string): Accelerator | null {
  const key = deviceKey(name)
  if (key === '') return null
  const exact = byKey.get(key)
  if (exact) return exact
  let best: { key: string; device: Accelerator } | null = null
  for (const [known, device] of byKey)
    if (contains(key, known) && known.length > (best?.key.length ?? 0))
      best = { key: known, device }
  return best?.device ?? null
}

const deviceKey = (name: string): string =>
  name
    .toLowerCase()
    .replace(/\(.*?\)/g, ' ')
    .replace(
      /nvidia|geforce|amd|instinct|habana|intel\(r\)|tesla|google|aws|tensor core|gpu|node/g,
      ' ',
    )
    .replace(/[^a-z0-9+]/g, '')

/** A known name inside a longer one, at a boundary: "a10" must not answer for "a100". */
function contains(key: string, known: string): boolean {
  const at = key.indexOf(known)
  if (at < 0) return false
  const before = key[at - 1] ?? ''
  const after = key[at + known.length] ?? ''
  const letters = /[a-z]/
  return (
    !(letters.test(before) && known.length < 5) &&
    !/\d/.test(/\d$/.test(known) ? after : '') &&
    !(/\d/.test(before) && /\d/.test(known[0] ?? ''))
  )
}

const byKey = index()

function index(): Map<string, Accelerator> {
  const keys = new Map<string, Accelerator>()
  for (const { accelerator, aliases } of acceleratorCatalogue)
    for (const name of [accelerator.name, ...aliases]) {
      keys.set(deviceKey(name), accelerator)
      // "4090" alone is clear enough.
      if (/^RTX \d{4}$/.test(name)) keys.set(name.slice(4), accelerator)
    }
  return keys
}
