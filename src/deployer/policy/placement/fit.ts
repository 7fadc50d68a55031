import { suits, type Demand } from './demand.ts'
import type { DeviceUse, NodeUse } from './occupancy.ts'
import { priceOf } from './node.ts'

/** Devices of one node that would take the replica, and what choosing them costs. */
export interface Fit {
  readonly devices: readonly DeviceUse[]
  /** USD an hour of devices that nobody uses yet. */
  readonly openedUsdH: number
  /** Groups of fast links that they are spread over, beyond the first. */
  readonly extraGroups: number
  /** What stays unused beside it, 0 to 1: lower leaves larger pieces elsewhere. */
  readonly waste: number
}

/** A shared device is filled up to here: what a model needs at its peak is not known to the byte. */
const rounding = 1e-9

/** The best devices of a node. Null: it has not that many that are free. */
export function fitOn(demand: Demand, use: NodeUse): Fit | null {
  const { count, share } = demand
  if (count === 0) return { devices: [], openedUsdH: 0, extraGroups: 0, waste: 0 }
  if (use.node.devices.length - use.wholeTaken < count) return null
  const usable = use.devices.filter((one) => isUsable(demand, one))
  if (usable.length < count) return null
  if (share) return shared(usable, count)
  return whole(usable, count, use.devices.length)
}

/** All ways to put it on the node that differ in more than names. */
export function optionsOn(demand: Demand, use: NodeUse): readonly Fit[] {
  const best = fitOn(demand, use)
  if (!best || demand.count === 0) return best ? [best] : []
  const usable = use.devices.filter((one) => isUsable(demand, one))
  const pools = demand.share
    ? demand.count === 1
      ? [...Map.groupBy(usable, stateOf).values()].map((alike) => alike.slice(0, 1))
      : []
    : [...Map.groupBy(usable, ({ device }) => device.group).values()]
  const options = pools
    .filter((pool) => pool.length >= demand.count)
    .map((pool): Fit => ({ ...costs(cheapest(pool).slice(0, demand.count)), waste: best.waste }))
  return options.length > 0 ? options : [best]
}

const stateOf = ({ device, freeBytes, computes, claims }: DeviceUse): string =>
  `${priceOf(device)} ${freeBytes} ${Math.max(0, ...computes)} ${claims}`

/** Whether there is enough of a suitable device left. */
export function isUsable(demand: Demand, use: DeviceUse): boolean {
  if (!suits(demand, use.device)) return false
  const { share } = demand
  if (!share) return use.claims === 0
  // Engines that work at the same time take even turns on a device: each of n gets 1/n, and none may need more.
  const neediest = Math.max(share.compute, ...use.computes)
  return use.freeBytes >= share.memoryBytes && (use.claims + 1) * neediest <= 1 + rounding
}

/** Devices in use first, the fullest first: what is opened last stays free for a model that needs it whole. */
function shared(usable: readonly DeviceUse[], count: number): Fit {
  const devices = usable
    .toSorted(
      (a, b) =>
        Number(a.claims === 0) - Number(b.claims === 0) ||
        (a.claims === 0 ? priceOf(a.device) - priceOf(b.device) : 0) ||
        a.freeBytes - b.freeBytes ||
        a.device.id.localeCompare(b.device.id),
    )
    .slice(0, count)
  const waste = devices.reduce((sum, one) => sum + one.freeBytes / one.device.memoryBytes, 0)
  return { ...costs(devices), waste: waste / count }
}

/** Within one group of fast links where one has room, the smallest such; else over as few groups as will do. */
function whole(usable: readonly DeviceUse[], count: number, size: number): Fit {
  const groups = Map.groupBy(usable, (one) => one.device.group)
  const pools = [...groups.values()].toSorted((a, b) => a.length - b.length)
  const snug = pools.filter((pool) => pool.length >= count)
  const pool =
    snug.length > 0
      ? snug.toSorted((a, b) => priceOfBest(a, count) - priceOfBest(b, count))[0]!
      : pools.toReversed().flat()
  const devices = (snug.length > 0 ? cheapest(pool) : pool).slice(0, count)
  return { ...costs(devices), waste: (usable.length - count) / size }
}

const cheapest = (pool: readonly DeviceUse[]): DeviceUse[] =>
  pool.toSorted((a, b) => priceOf(a.device) - priceOf(b.device))

const priceOfBest = (pool: readonly DeviceUse[], count: number): number =>
  cheapest(pool)
    .slice(0, count)
    .reduce((sum, one) => sum + priceOf(one.device), 0)

function costs(devices: readonly DeviceUse[]): Omit<Fit, 'waste'> {
  let openedUsdH = 0
  for (const one of devices) if (one.claims === 0) openedUsdH += priceOf(one.device)
  const groups = new Set(devices.map((one) => one.device.group)).size
  return { devices, openedUsdH, extraGroups: Math.max(0, groups - 1) }
}
