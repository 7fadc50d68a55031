import { AppError } from '../../core/errors.ts'
import { parseBytes } from '../../core/units.ts'
import type { Accelerator } from '../accelerator.ts'
import { migSlice } from '../accelerators/mig.ts'
import { resolveAccelerator, suggestAccelerators } from '../accelerators/resolve-accelerator.ts'

/** Devices of one type that may be used. */
export interface DeviceGroup {
  readonly device: Accelerator
  readonly count: number
  /** Where they stand; left out: one place. */
  readonly cluster?: string
}

/** "H100-SXM-80GB", or "H100-SXM-80GB@eu" where it matters. */
export const groupName = ({ device, cluster }: Omit<DeviceGroup, 'count'>): string =>
  cluster === undefined ? device.name : `${device.name}@${cluster}`

/**
 * "h100:8", "h100:4,l40s:8", or numbers: "mine/memory=48GB/bandwidth=864/bf16=181:2", with fp8, int8, fp4 (TFLOP/s), link
 * (GB/s one way), watts and price (USD an hour) where they are known; or slices of a device: "h100/mig=3g.40gb:2". `local`
 * stands for `here`. "h100:4@eu" says in which cluster they stand. Errors: `planner/bad-request`.
 */
export function parseFleet(text: string, here: () => DeviceGroup | null): DeviceGroup[] {
  const groups = text.split(',').map((part) => {
    const [, name = '', digits, cluster] =
      /^\s*(.*?)\s*(?::\s*(\d{1,6}))?\s*(?:@\s*([\w.-]{1,64}))?\s*$/.exec(part) ?? []
    const count = digits === undefined ? 1 : Number(digits)
    if (name.includes(':'))
      throw bad(`"${part.trim()}" names no number of devices: write it like h100:8`)
    if (count < 1) throw bad(`"${part.trim()}" is no device at all`)
    if (name.toLowerCase() === 'local') return hereOr(here)
    return { device: deviceOf(name), count, ...(cluster === undefined ? {} : { cluster }) }
  })
  const merged = new Map<string, DeviceGroup>()
  for (const group of groups) {
    const name = groupName(group)
    merged.set(name, { ...group, count: group.count + (merged.get(name)?.count ?? 0) })
  }
  return [...merged.values()]
}

function deviceOf(name: string): Accelerator {
  const [base = '', profile] = name.split('/mig=')
  const device =
    profile === undefined && name.includes('/') ? customDevice(name) : resolveAccelerator(base)
  if (!device)
    throw bad(`no accelerator "${base}" is known; nearest: ${suggestAccelerators(base).join(', ')}`)
  if (profile === undefined) return device
  const slice = migSlice(device, profile)
  if (!slice) throw bad(`${device.name} has no slice "${profile}"; write it like h100/mig=3g.40gb`)
  return slice
}

function hereOr(here: () => DeviceGroup | null): DeviceGroup {
  const found = here()
  if (!found) throw bad('nothing to run a model on was detected here')
  return found
}

function customDevice(text: string): Accelerator {
  const [name = '', ...pairs] = text.split('/')
  const given = new Map(pairs.map((pair) => pair.split('=') as [string, string | undefined]))
  const number = (key: string): number | null => {
    const told = given.get(key)
    if (told === undefined) return null
    const value = Number(told)
    if (!(value > 0)) throw bad(`${name}: ${key}=${told} is no positive number`)
    return value
  }
  const needed = (key: string): number => {
    const value = number(key)
    if (value === null) throw bad(`${name}: ${key} is missing`)
    return value
  }
  for (const key of given.keys())
    if (!known.includes(key)) throw bad(`${name}: "${key}" is none of ${known.join(', ')}`)
  const link = number('link')
  return {
    name: name || 'custom',
    vendor: 'nvidia',
    architecture: number('fp4') ? 'blackwell' : number('fp8') ? 'hopper' : 'ampere',
    memoryBytes: memoryOf(name, given.get('memory')),
    bandwidthGBs: needed('bandwidth'),
    tflops: {
      bf16: needed('bf16'),
      fp8: number('fp8'),
      int8: number('int8'),
      fp4: number('fp4'),
    },
    link: { kind: link === null ? 'none' : link > 64 ? 'nvlink' : 'pcie', GBs: link ?? 0 },
    hostGBs: 32,
    tdpW: number('watts'),
    priceUsdH: number('price'),
    source: 'as given',
  }
}

const known = ['memory', 'bandwidth', 'bf16', 'fp8', 'int8', 'fp4', 'link', 'watts', 'price']

function memoryOf(name: string, text: string | undefined): number {
  if (text === undefined) throw bad(`${name}: memory is missing`)
  try {
    return parseBytes(text)
  } catch (cause) {
    throw bad(`${name}: ${(cause as Error).message}`)
  }
}

const bad = (message: string) =>
  new AppError('planner/bad-request', {
    message,
    hint: 'Write --gpu h100:8, h100:4,l40s:8, local, or name/memory=48GB/bandwidth=864/bf16=181:2.',
  })
