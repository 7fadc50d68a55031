import type { Demand } from './demand.ts'
import { claimOf, type Choice } from './choice.ts'
import { explainChoice, explainRefusal, type Refusal } from './explain.ts'
import { createFinder } from './finder.ts'
import type { Claim, PlaceNode } from './node.ts'
import { createOccupancy } from './occupancy.ts'
import { missingWeight, searchAll, type Bill } from './search-all.ts'

export interface Placement {
  readonly demand: Demand
  readonly claim: Claim
  /** Why there, for a person. */
  readonly reason: string
}

export interface PlacementResult {
  readonly placed: readonly Placement[]
  readonly unplaced: readonly Refusal[]
}

/** Looks at nodes that a call may spend on making a first answer better. */
const improvementLooks = 100_000

/**
 * Finds places for the demands beside what is claimed, which stays where it is. Priority first, then the hardest to
 * place; each gets the cheapest place, and then places are exchanged as long as the whole gets cheaper. Few demands get
 * all combinations tried.
 */
export function place(
  demands: readonly Demand[],
  nodes: readonly PlaceNode[],
  claims: readonly Claim[],
): PlacementResult {
  const search = createSearch(nodes, claims)
  const order = demands.toSorted(byHardness)
  for (const demand of order) search.settle(demand)
  search.improve()
  const better = searchAll(order, nodes, claims, search.bill())
  return better ? search.adopt(better) : search.result()
}

/** The higher priority first; then what needs more of a device, so that small ones fill what large ones leave. */
const byHardness = (a: Demand, b: Demand): number =>
  b.priority - a.priority ||
  b.count - a.count ||
  (b.share?.memoryBytes ?? Infinity) - (a.share?.memoryBytes ?? Infinity) ||
  (b.share?.compute ?? 1) - (a.share?.compute ?? 1) ||
  a.deployment.localeCompare(b.deployment)

interface Settled {
  readonly demand: Demand
  readonly claim: Claim
  readonly choice: Choice
}

function createSearch(nodes: readonly PlaceNode[], claims: readonly Claim[]) {
  const occupancy = createOccupancy(nodes, claims)
  const finder = createFinder(occupancy)
  const settled = new Map<Demand, Settled>()
  const waiting = new Set<Demand>()
  let looks = 0

  const find = (demand: Demand): Choice | null => {
    looks += nodes.length
    return finder.best(demand)
  }
  const put = (demand: Demand, choice: Choice): void => {
    const claim = claimOf(demand, choice)
    occupancy.add(claim)
    settled.set(demand, { demand, claim, choice })
    waiting.delete(demand)
  }
  const take = (demand: Demand): Settled => {
    const one = settled.get(demand)!
    occupancy.remove(one.claim)
    settled.delete(demand)
    return one
  }
  const back = (one: Settled): void => {
    occupancy.add(one.claim)
    settled.set(one.demand, one)
  }
  const settle = (demand: Demand): boolean => {
    const choice = find(demand)
    if (choice) put(demand, choice)
    else waiting.add(demand)
    return choice !== null
  }

  /** Takes several up and puts them down in that order. Stays with what was where nothing is gained. */
  const rearrange = (order: readonly Demand[]): boolean => {
    const before = order.filter((demand) => settled.has(demand)).map(take)
    // What was paid is worked out again in reverse: a device is paid for by whoever is first on it.
    let paid = 0
    for (const one of before.toReversed()) {
      paid += finder.costOn(one.demand, one.claim) ?? one.choice.cost
      occupancy.add(one.claim)
    }
    for (const one of before) occupancy.remove(one.claim)
    let cost = 0
    let count = 0
    for (const demand of order) {
      const choice = find(demand)
      if (!choice) continue
      cost += choice.cost
      count++
      put(demand, choice)
    }
    if (count > before.length || (count === before.length && cost < paid - 1e-9)) {
      for (const demand of order) if (!settled.has(demand)) waiting.add(demand)
      return true
    }
    for (const demand of order) if (settled.has(demand)) take(demand)
    for (const one of before) back(one)
    for (const demand of order) if (!settled.has(demand)) waiting.add(demand)
    return false
  }

  return {
    settle,
    improve() {
      makeRoom()
      let isBetter = true
      while (isBetter && looks < improvementLooks) {
        isBetter = false
        const all = [...settled.keys()]
        for (const demand of all) {
          if (looks >= improvementLooks) return
          isBetter = rearrange([demand]) || isBetter
        }
        for (const [at, first] of all.entries())
          for (const second of all.slice(at + 1)) {
            if (looks >= improvementLooks) return
            if (!isPair(first, second)) continue
            isBetter = rearrange([second, first]) || rearrange([first, second]) || isBetter
          }
      }
    },
    /** What all that was placed costs together, and what is missing. */
    bill(): Bill {
      const all = [...settled.values()]
      for (const { claim } of all) occupancy.remove(claim)
      let costUsdH = 0
      for (const { demand, claim } of all) {
        costUsdH += finder.costOn(demand, claim) ?? 0
        occupancy.add(claim)
      }
      const missing = [...waiting].reduce((sum, demand) => sum + missingWeight(demand), 0)
      return { costUsdH, missing }
    },
    /** Takes these places instead of its own. */
    adopt(places: ReadonlyMap<Demand, Choice | null>): PlacementResult {
      for (const demand of settled.keys()) take(demand)
      for (const [demand, choice] of places)
        if (choice) put(demand, choice)
        else waiting.add(demand)
      return this.result()
    },
    result: (): PlacementResult => ({
      placed: [...settled.values()].map(({ demand, claim, choice }) => ({
        demand,
        claim,
        reason: explainChoice(demand, choice),
      })),
      unplaced: [...waiting].map((demand) => explainRefusal(demand, occupancy)),
    }),
  }

  /** Who finds no place may get that of one that can go elsewhere; priorities have been served in their order. */
  function makeRoom(): void {
    const stuck = Array.from(waiting)
    for (const demand of stuck) {
      for (const other of [...settled.keys()].toReversed()) {
        if (looks >= improvementLooks) return
        if (other.count === 0 || other.priority > demand.priority) continue
        if (rearrange([demand, other])) break
      }
    }
  }

  function isPair(first: Demand, second: Demand): boolean {
    if (first.count === 0 || second.count === 0) return false
    return first.count !== second.count || first.deployment !== second.deployment
  }
}
