import type { Choice } from './choice.ts'
import { costOf, crowding } from './cost.ts'
import { objection, type Demand } from './demand.ts'
import { fitOn, type Fit } from './fit.ts'
import { priceOf, type Claim } from './node.ts'
import type { NodeUse, Occupancy } from './occupancy.ts'

export interface Finder {
  /** The cheapest place. Null: there is none. */
  best(demand: Demand): Choice | null
  /** What that very place costs now. Null: it is taken. */
  costOn(demand: Demand, claim: Claim): number | null
}

interface Look {
  version: number
  fit: Fit | null
}

/** Replicas of one deployment ask the same of a node: the answer is kept until the node changes. */
export function createFinder(occupancy: Occupancy): Finder {
  const classes = new Map<string, { readonly objections: boolean[]; readonly looks: Look[] }>()
  const others = (deployment: string) => occupancy.whereabouts(deployment)
  const byName = new Map(occupancy.nodes.map((use) => [use.node.name, use]))

  const classOf = (demand: Demand) => {
    const key = `${demand.deployment} ${demand.accelerator} ${demand.count} ${demand.share?.memoryBytes} ${demand.share?.compute}`
    const known = classes.get(key)
    if (known) return known
    const made = {
      objections: occupancy.nodes.map(({ node }) => objection(demand, node) !== null),
      looks: occupancy.nodes.map((): Look => ({ version: -1, fit: null })),
    }
    classes.set(key, made)
    return made
  }

  return {
    best(demand) {
      const { objections, looks } = classOf(demand)
      const siblings = occupancy.whereabouts(demand.deployment)
      const { spread, awayFrom } = demand.rules
      const isFree = spread.mode === 'preferred' && awayFrom.length === 0
      let best: { use: NodeUse; fit: Fit; cost: number } | null = null
      let alternatives = 0
      for (let at = 0; at < occupancy.nodes.length; at++) {
        if (objections[at]) continue
        const use = occupancy.nodes[at]!
        const look = looks[at]!
        if (look.version !== use.version) {
          look.fit = fitOn(demand, use)
          look.version = use.version
        }
        const { fit } = look
        if (!fit) continue
        if (!isFree && crowding(demand, use.node, siblings, others) !== null) continue
        alternatives++
        const cost = costOf(demand, use.node, fit, siblings)
        const isBetter =
          best === null ||
          cost < best.cost - 1e-9 ||
          (cost < best.cost + 1e-9 && fit.waste < best.fit.waste - 1e-9)
        if (isBetter) best = { use, fit, cost }
      }
      return best && { ...best, alternatives }
    },
    costOn(demand, claim) {
      const use = byName.get(claim.node)
      if (!use) return null
      const devices = use.devices.filter((one) => claim.devices.includes(one.device.id))
      let openedUsdH = 0
      for (const { claims, device } of devices) if (claims === 0) openedUsdH += priceOf(device)
      const groups = new Set(devices.map(({ device }) => device.group)).size
      const fit = { devices, openedUsdH, extraGroups: Math.max(0, groups - 1), waste: 0 }
      return costOf(demand, use.node, fit, occupancy.whereabouts(demand.deployment))
    },
  }
}
