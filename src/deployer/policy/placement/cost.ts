import type { Demand } from './demand.ts'
import type { Fit } from './fit.ts'
import type { NodeUse, Whereabouts } from './occupancy.ts'

/**
 * What is not money, in USD an hour for each device of the replica, so that it can be weighed against money. Each is
 * counted for pairs, or for one replica alone: the sum does not depend on the order of placing.
 */
const sameZoneUsdH = 0.05
const sameNodeUsdH = 0.05
/** Tensor parallel over the host's bus loses about a quarter against fast links. */
const extraGroupUsdH = 0.5
const laterClusterUsdH = 0.05

/** What it costs to put the replica there, given those that are there. */
export function costOf(demand: Demand, use: NodeUse, fit: Fit, siblings: Whereabouts): number {
  const size = Math.max(1, demand.count)
  const { spread, clusters } = demand.rules
  let wish =
    extraGroupUsdH * fit.extraGroups +
    laterClusterUsdH * Math.max(0, clusters.indexOf(use.node.cluster))
  if (spread.over !== 'none') wish += sameNodeUsdH * (siblings.nodes.get(use) ?? 0)
  if (spread.over === 'zone') wish += sameZoneUsdH * (siblings.zones.get(use.zone) ?? 0)
  return fit.openedUsdH + wish * size
}

/** Whether the place would break a rule about neighbours. Null: it would not. */
export function crowding(
  demand: Demand,
  use: NodeUse,
  siblings: Whereabouts,
  others: (deployment: string) => Whereabouts,
): string | null {
  const { spread, awayFrom } = demand.rules
  if (spread.mode === 'required') {
    if (spread.over !== 'none' && (siblings.nodes.get(use) ?? 0) > 0)
      return `has a replica of ${demand.deployment} already`
    if (spread.over === 'zone' && (siblings.zones.get(use.zone) ?? 0) > 0)
      return `zone ${use.node.zone} has a replica of ${demand.deployment} already`
  }
  const near = awayFrom.find((one) => (others(one).nodes.get(use) ?? 0) > 0)
  return near === undefined ? null : `has a replica of ${near}`
}
