import { costOf, crowding } from './cost.ts'
import { objection, type Demand } from './demand.ts'
import { isUsable } from './fit.ts'
import { priceOf, type PlaceNode } from './node.ts'
import { createOccupancy, type DeviceUse, type NodeUse, type Occupancy } from './occupancy.ts'
import type { PlacementResult } from './place.ts'

/** What a replica without a place costs, so that finding one is always worth it; a priority costs as much again. */
export const missingUsdH = 1000
const missing = ({ priority }: Demand): number => missingUsdH * (1 + priority)

/** Of a whole answer, in the terms that placement itself minds. */
export function costOfAll(
  { placed, unplaced }: PlacementResult,
  nodes: readonly PlaceNode[],
): number {
  const occupancy = createOccupancy(nodes, [])
  let cost = unplaced.reduce((sum, { demand }) => sum + missing(demand), 0)
  for (const { demand, claim } of placed) {
    const use = occupancy.nodes.find(({ node }) => node.name === claim.node)!
    const devices = use.devices.filter(({ device }) => claim.devices.includes(device.id))
    cost += costOn(demand, use, devices, occupancy)
    occupancy.add(claim)
  }
  return cost
}

/** Tries every device for every demand, but of devices that are alike only one: branch and bound. */
export function cheapestOf(demands: readonly Demand[], nodes: readonly PlaceNode[]): number {
  const occupancy = createOccupancy(nodes, [])
  let best = Infinity
  const visit = (at: number, cost: number): void => {
    if (cost >= best - 1e-9) return
    const demand = demands[at]
    if (!demand) {
      best = cost
      return
    }
    for (const use of occupancy.nodes) {
      if (objection(demand, use.node) !== null) continue
      const where = (one: string) => occupancy.whereabouts(one)
      if (crowding(demand, use, where(demand.deployment), where) !== null) continue
      for (const devices of choices(
        use.devices.filter((one) => isUsable(demand, one)),
        demand.count,
      )) {
        const price = costOn(demand, use, devices, occupancy)
        const claim = {
          replica: demand.replica,
          deployment: demand.deployment,
          priority: demand.priority,
          node: use.node.name,
          devices: devices.map(({ device }) => device.id),
          share: demand.share,
        }
        occupancy.add(claim)
        visit(at + 1, cost + price)
        occupancy.remove(claim)
      }
    }
    visit(at + 1, cost + missing(demand))
  }
  visit(0, 0)
  return best
}

/** Sets of so many devices that differ in more than their names. */
function choices(usable: readonly DeviceUse[], count: number): DeviceUse[][] {
  const found = new Map<string, DeviceUse[]>()
  const pick = (from: number, chosen: DeviceUse[]): void => {
    if (chosen.length === count) {
      const key = chosen.map(kindOf).toSorted().join()
      if (!found.has(key)) found.set(key, chosen)
      return
    }
    for (let at = from; at < usable.length; at++) pick(at + 1, [...chosen, usable[at]!])
  }
  pick(0, [])
  return [...found.values()]
}

const kindOf = ({ device, freeBytes, computes, claims }: DeviceUse): string =>
  `${device.group}/${priceOf(device)}/${freeBytes}/${Math.max(0, ...computes)}/${claims}`

function costOn(
  demand: Demand,
  use: NodeUse,
  devices: readonly DeviceUse[],
  occupancy: Occupancy,
): number {
  const openedUsdH = devices.reduce(
    (sum, one) => sum + (one.claims === 0 ? priceOf(one.device) : 0),
    0,
  )
  const groups = new Set(devices.map(({ device }) => device.group)).size
  const fit = { devices, openedUsdH, extraGroups: Math.max(0, groups - 1), waste: 0 }
  return costOf(demand, use, fit, occupancy.whereabouts(demand.deployment))
}
