import { claimOf } from './choice.ts'
import { objection, type Demand } from './demand.ts'
import { fitOn } from './fit.ts'
import type { Claim, PlaceNode } from './node.ts'
import { createOccupancy } from './occupancy.ts'

/** Where a replica of several nodes has room: its runtime chooses the nodes, these are kept free for it meanwhile. */
export interface Span {
  readonly cluster: string
  readonly claims: readonly Claim[]
  /** Why there, for a person. */
  readonly reason: string
}

/** The first cluster with enough nodes that have their part of the devices. A text: why there is none. */
export function spanOf(
  demand: Demand,
  nodes: readonly PlaceNode[],
  claims: readonly Claim[],
): Span | string {
  const { rules, count: total, accelerator } = demand
  const count = total / rules.nodes
  const part: Demand = { ...demand, count }
  const occupancy = createOccupancy(nodes, claims)
  const found: string[] = []
  for (const cluster of rules.clusters) {
    const fits = occupancy.nodes.flatMap((use) => {
      if (use.node.cluster !== cluster || objection(part, use.node) !== null) return []
      const fit = fitOn(part, use)
      return fit ? [{ use, fit }] : []
    })
    found.push(`${fits.length} of ${cluster}`)
    if (fits.length < rules.nodes) continue
    const chosen = fits.slice(0, rules.nodes)
    return {
      cluster,
      claims: chosen.map((place) => claimOf(part, place)),
      reason: `${rules.nodes} × ${count} × ${accelerator ?? 'device'} in ${cluster}: ${fits.length} nodes have them`,
    }
  }
  return `no room for ${rules.nodes} nodes with ${count} × ${accelerator ?? 'device'} each: ${found.join(', ')} have them free`
}
