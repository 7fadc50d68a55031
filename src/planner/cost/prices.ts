import { AppError } from '../../core/errors.ts'
import type { Accelerator } from '../accelerator.ts'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { breakEvenHours, type Ownership, ownedUsdPerHour, readOwnership } from './ownership.ts'

export const tenancies = ['on-demand', 'spot', 'reserved', 'owned'] as const
export type Tenancy = (typeof tenancies)[number]

/** US dollars for one device and hour, and where that comes from; null: nobody has said. */
export interface Price {
  readonly usdPerHour: number | null
  readonly source: string
}

/** What the user's file says, by device name. It wins over the catalogue. */
export type PriceBook = ReadonlyMap<string, DevicePrices>

interface DevicePrices {
  readonly rents: ReadonlyMap<Tenancy, number>
  readonly owned: Ownership | null
  /** Who says so. Absent: a price file. */
  readonly source?: string
}

export function priceOf(
  device: Accelerator,
  tenancy: Tenancy,
  book: PriceBook,
  cluster?: string,
): Price {
  const own = ofDevice(book, device, cluster)
  const rent = own?.rents.get(tenancy)
  const source = own?.source ?? 'your price file'
  if (rent !== undefined) return { usdPerHour: rent, source }
  if (tenancy === 'owned' && own?.owned)
    return { usdPerHour: ownedUsdPerHour(own.owned, device), source }
  if (tenancy === 'on-demand' && device.priceUsdH !== null)
    return { usdPerHour: device.priceUsdH, source: device.source }
  return {
    usdPerHour: null,
    source: `no ${tenancy} price of ${device.name} is known: name it with --prices FILE`,
  }
}

/** Hours of use after which buying is cheaper than renting on demand; null where either price is missing. */
export const breakEvenOf = (
  device: Accelerator,
  book: PriceBook,
  cluster?: string,
): number | null => breakEvensOf(device, book, cluster)['on-demand'] ?? null

/** The same against every way of renting that has a price; null: rent is less than the power. */
export function breakEvensOf(
  device: Accelerator,
  book: PriceBook,
  cluster?: string,
): Partial<Record<Tenancy, number | null>> {
  const owned = ofDevice(book, device, cluster)?.owned
  if (!owned) return {}
  return Object.fromEntries(
    (['on-demand', 'reserved', 'spot'] as const).flatMap((tenancy) => {
      const { usdPerHour } = priceOf(device, tenancy, book, cluster)
      return usdPerHour === null ? [] : [[tenancy, breakEvenHours(owned, device, usdPerHour)]]
    }),
  )
}

/** Prices of the cluster win over those of the device. */
const ofDevice = (book: PriceBook, { name }: Accelerator, cluster?: string) =>
  (cluster === undefined ? undefined : book.get(`${name}@${cluster}`)) ?? book.get(name)

/**
 * Reads a price file (parsed JSON): `{ "h100": { "on-demand": 2.1, "spot": 1.2, "reserved": 1.6, "owned": { "priceUsd":
 * 28000, … } }, "h100@eu": { … } }`; `clusters` is the part of `readSites`. Errors: `planner/bad-request`.
 */
export function readPrices(json: unknown): PriceBook {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw bad('a price file is one object, by device')
  const book = new Map<string, DevicePrices>()
  for (const [name, entry] of Object.entries(json)) {
    if (name === 'clusters') continue
    const [type = '', cluster] = name.split('@')
    const device = resolveAccelerator(type)?.name ?? type
    const key = cluster === undefined ? device : `${device}@${cluster}`
    if (typeof entry !== 'object' || entry === null) throw bad(`${name}: prices by tenancy`)
    const rents = new Map<Tenancy, number>()
    let owned: Ownership | null = null
    for (const [tenancy, value] of Object.entries(entry)) {
      if (!(tenancies as readonly string[]).includes(tenancy))
        throw bad(`${name}: "${tenancy}" is none of ${tenancies.join(', ')}`)
      if (tenancy === 'owned' && typeof value === 'object') owned = readOwnership(name, value)
      else if (typeof value === 'number' && value >= 0 && Number.isFinite(value))
        rents.set(tenancy as Tenancy, value)
      else throw bad(`${name}: ${tenancy} is US dollars an hour, not ${JSON.stringify(value)}`)
    }
    book.set(key, { rents, owned })
  }
  return book
}

export const priceFileHint =
  'A price file is like { "h100": { "on-demand": 2.1, "owned": { "priceUsd": 28000, "years": 4 } } }.'

const bad = (message: string) =>
  new AppError('planner/bad-request', { message, hint: priceFileHint })
