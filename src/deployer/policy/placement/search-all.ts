import { claimOf, type Choice } from './choice.ts'
import { costOf, crowding } from './cost.ts'
import { objection, type Demand } from './demand.ts'
import { optionsOn } from './fit.ts'
import type { Claim, PlaceNode } from './node.ts'
import { createOccupancy } from './occupancy.ts'

export interface Bill {
  readonly costUsdH: number
  /** Weights of the replicas without a place: first of all that is to be little. */
  readonly missing: number
}

/** A replica without a place, by how much it is missed. */
export const missingWeight = ({ priority }: Demand): number => 1 + Math.max(0, priority)

/** Looks at nodes that it may take; up to about six replicas on a few nodes that is every combination. */
const looksMax = 60_000

/**
 * Branch and bound over all combinations, the cheapest first, as far as the looks reach. Null: nothing better than the
 * bill at hand was found.
 */
export function searchAll(
  demands: readonly Demand[],
  nodes: readonly PlaceNode[],
  claims: readonly Claim[],
  bill: Bill,
): ReadonlyMap<Demand, Choice | null> | null {
  if (demands.length * nodes.length * 8 > looksMax) return null
  const occupancy = createOccupancy(nodes, claims)
  const chosen = new Map<Demand, Choice | null>()
  let best = bill
  let found: ReadonlyMap<Demand, Choice | null> | null = null
  let looks = 0

  const optionsOf = (demand: Demand): Choice[] => {
    looks += nodes.length
    const where = (one: string) => occupancy.whereabouts(one)
    const siblings = where(demand.deployment)
    const options = occupancy.nodes.flatMap((use) => {
      if (objection(demand, use.node) !== null) return []
      if (crowding(demand, use, siblings, where) !== null) return []
      return optionsOn(demand, use).map((fit) => ({
        use,
        fit,
        cost: costOf(demand, use, fit, siblings),
        alternatives: 0,
      }))
    })
    const alternatives = new Set(options.map(({ use }) => use)).size
    return options.map((one) => ({ ...one, alternatives })).toSorted((a, b) => a.cost - b.cost)
  }

  const visit = (at: number, costUsdH: number, missing: number): void => {
    if (looks > looksMax) return
    if (missing > best.missing || (missing === best.missing && costUsdH >= best.costUsdH - 1e-9))
      return
    const demand = demands[at]
    if (!demand) {
      best = { costUsdH, missing }
      found = new Map(chosen)
      return
    }
    for (const choice of optionsOf(demand)) {
      const claim = claimOf(demand, choice)
      occupancy.add(claim)
      chosen.set(demand, choice)
      visit(at + 1, costUsdH + choice.cost, missing)
      occupancy.remove(claim)
    }
    chosen.set(demand, null)
    visit(at + 1, costUsdH, missing + missingWeight(demand))
  }
  visit(0, 0, 0)
  return found
}
