import type { Claim, PlaceDevice, PlaceNode } from './node.ts'

/** How full a device is. */
export interface DeviceUse {
  readonly device: PlaceDevice
  freeBytes: number
  /** Shares of its time that are claimed: one for each claim. */
  readonly computes: number[]
  claims: number
}

/** A node with what is claimed on it. Placement changes it as it goes. */
export interface NodeUse {
  readonly node: PlaceNode
  /** Names of zones are by cluster. */
  readonly zone: string
  /** Devices that one replica alone holds: all others, and no more, can be had. */
  wholeTaken: number
  /** Worked out when it is first looked at: most nodes of a large fleet are full and never are. */
  readonly devices: readonly DeviceUse[]
  readonly claims: Set<Claim>
  /** Counts its changes: what was worked out for an older one is worked out again. */
  version: number
}

/** How many replicas of one deployment are where. */
export interface Whereabouts {
  readonly nodes: Map<NodeUse, number>
  readonly zones: Map<string, number>
}

/** Who holds what. */
export interface Occupancy {
  readonly nodes: readonly NodeUse[]
  add(claim: Claim): void
  remove(claim: Claim): void
  whereabouts(deployment: string): Whereabouts
}

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
    count(onNodes, use, by)
    count(zones, use.zone, by)
    use.note(claim, by)
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

interface OwnNodeUse extends NodeUse {
  note(claim: Claim, by: 1 | -1): void
}

function createNodeUse(node: PlaceNode): OwnNodeUse {
  let devices: readonly DeviceUse[] | null = null
  const claims = new Set<Claim>()
  const apply = (all: readonly DeviceUse[], claim: Claim, by: 1 | -1): void => {
    for (const one of all) {
      if (!claim.devices.includes(one.device.id)) continue
      one.claims += by
      one.freeBytes -= by * (claim.share?.memoryBytes ?? one.device.memoryBytes)
      const compute = claim.share?.compute ?? 1
      if (by > 0) one.computes.push(compute)
      else one.computes.splice(one.computes.indexOf(compute), 1)
    }
  }
  const isHere = (id: string): boolean => node.devices.some((device) => device.id === id)
  return {
    node,
    zone: `${node.cluster}/${node.zone}`,
    wholeTaken: 0,
    get devices() {
      if (devices) return devices
      const all = node.devices.map((device): DeviceUse => ({
        device,
        freeBytes: device.memoryBytes,
        computes: [],
        claims: 0,
      }))
      for (const claim of claims) apply(all, claim, 1)
      devices = all
      return all
    },
    claims,
    version: 0,
    note(claim, by) {
      if (!claim.share) this.wholeTaken += by * claim.devices.filter(isHere).length
      if (devices) apply(devices, claim, by)
    },
  }
}
