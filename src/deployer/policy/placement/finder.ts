import type { Choice } from './choice.ts'
import { costOf, crowding } from './cost.ts'
import { objection, suits, type Demand } from './demand.ts'
import { fitOn, type Fit } from './fit.ts'
import { priceOf, type Claim, type PlaceNode } from './node.ts'
import type { NodeUse, Occupancy } from './occupancy.ts'

export interface Finder {
  /** The cheapest place. Null: there is none. */
  best(demand: Demand): Choice | null
  /** What that very place costs now. Null: it is taken. */
  costOn(demand: Demand, claim: Claim): number | null
}

/** A node that could take such a demand if enough of it were free, and what it offers now. */
interface Look {
  readonly use: NodeUse
  version: number
  fit: Fit | null
}

/** Demands of one shape ask the same of a node: the answer is kept until the node changes. */
export function createFinder(occupancy: Occupancy): Finder {
  const shapes = new Map<string, readonly Look[]>()
  const known = new Map<Demand, readonly Look[]>()
  const others = (deployment: string) => occupancy.whereabouts(deployment)
  const byName = new Map(occupancy.nodes.map((use) => [use.node.name, use]))

  const looksOf = (demand: Demand): readonly Look[] => {
    const before = known.get(demand)
    if (before) return before
    const { accelerator, count, share, rules } = demand
    const { clusters, labels, tolerates, spot, priceMax } = rules
    const wishes = { clusters, labels, tolerates, spot, priceMax }
    const shape = JSON.stringify([accelerator, count, share, wishes])
    const looks =
      shapes.get(shape) ??
      occupancy.nodes
        .filter(({ node }) => objection(demand, node) === null && hasEnough(demand, node))
        .map((use): Look => ({ use, version: -1, fit: null }))
    shapes.set(shape, looks)
    known.set(demand, looks)
    return looks
  }

  return {
    best(demand) {
      const siblings = occupancy.whereabouts(demand.deployment)
      const { spread, awayFrom } = demand.rules
      const isFree = spread.mode === 'preferred' && awayFrom.length === 0
      let best: { use: NodeUse; fit: Fit; cost: number } | null = null
      let alternatives = 0
      for (const look of looksOf(demand)) {
        const { use } = look
        if (look.version !== use.version) {
          look.fit = fitOn(demand, use)
          look.version = use.version
        }
        const { fit } = look
        if (!fit) continue
        if (!isFree && crowding(demand, use, siblings, others) !== null) continue
        alternatives++
        const cost = costOf(demand, use, fit, siblings)
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
      return costOf(demand, use, fit, occupancy.whereabouts(demand.deployment))
    },
  }
}

const hasEnough = (demand: Demand, { devices }: PlaceNode): boolean =>
  demand.count === 0 || devices.filter((one) => suits(demand, one)).length >= demand.count
