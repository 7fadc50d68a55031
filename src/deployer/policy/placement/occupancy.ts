import type { Claim, PlaceDevice, PlaceNode } from './node.ts'

/** How full a device is. */
export interface DeviceUse {
  readonly device: PlaceDevice
  freeBytes: number
  /** Share of its time that nobody has claimed. */
  freeCompute: number
  claims: number
}

/** A node with what is claimed on it. Placement changes it as it goes. */
export interface NodeUse {
  readonly node: PlaceNode
  readonly devices: readonly DeviceUse[]
  readonly claims: Set<Claim>
  /** Counts its changes: what was worked out for an older one is worked out again. */
  version: number
}

/** How many replicas of one deployment are where. */
export interface Whereabouts {
  readonly nodes: Map<PlaceNode, number>
  readonly zones: Map<string, number>
}

/** Who holds what. */
export interface Occupancy {
  readonly nodes: readonly NodeUse[]
  add(claim: Claim): void
  remove(claim: Claim): void
  whereabouts(deployment: string): Whereabouts
}

export const zoneOf = (node: PlaceNode): string => `${node.cluster}/${node.zone}`

export function createOccupancy(nodes: readonly PlaceNode[], claims: readonly Claim[]): Occupancy {
  const uses = nodes.map(createNodeUse)
  const byName = new Map(uses.map((use) => [use.node.name, use]))
  const known = new Map<string, Whereabouts>()
  const whereabouts = (deployment: string): Whereabouts => {
    const found = known.get(deployment) ?? { nodes: new Map(), zones: new Map() }
    known.set(deployment, found)
    return found
  }
  const apply = (claim: Claim, by: 1 | -1): void => {
    const use = byName.get(claim.node)
    if (!use) return // its node is gone, and so is what it held
    if (by > 0) use.claims.add(claim)
    else use.claims.delete(claim)
    use.version++
    const { nodes: onNodes, zones } = whereabouts(claim.deployment)
    count(onNodes, use.node, by)
    count(zones, zoneOf(use.node), by)
    for (const one of use.devices) {
      if (!claim.devices.includes(one.device.id)) continue
      one.claims += by
      one.freeBytes -= by * (claim.share?.memoryBytes ?? one.device.memoryBytes)
      one.freeCompute -= by * (claim.share?.compute ?? 1)
    }
  }
  for (const claim of claims) apply(claim, 1)
  return {
    nodes: uses,
    add: (claim) => apply(claim, 1),
    remove: (claim) => apply(claim, -1),
    whereabouts,
  }
}

const count = <Key>(counts: Map<Key, number>, key: Key, by: number): void =>
  void counts.set(key, (counts.get(key) ?? 0) + by)

const createNodeUse = (node: PlaceNode): NodeUse => ({
  node,
  devices: node.devices.map((device) => ({
    device,
    freeBytes: device.memoryBytes,
    freeCompute: 1,
    claims: 0,
  })),
  claims: new Set(),
  version: 0,
})
