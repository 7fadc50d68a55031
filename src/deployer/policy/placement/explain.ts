import type { Choice } from './choice.ts'
import { crowding } from './cost.ts'
import { objection, suits, type Demand } from './demand.ts'
import { fitOn, isUsable } from './fit.ts'
import { weightOf, type Claim } from './node.ts'
import type { NodeUse, Occupancy } from './occupancy.ts'

/** A replica that found no place. */
export interface Refusal {
  readonly demand: Demand
  /** For a person: what is missing where. */
  readonly reason: string
  /** The fewest, least important replicas of one node whose end would make room. Empty: nothing would help. */
  readonly wouldFree: readonly Claim[]
}

/** "2 × h100 on gpu-3 (east/a): the cheapest of 14 nodes that have them, $5.00/h". */
export function explainChoice(demand: Demand, { use, fit, alternatives }: Choice): string {
  const { name, cluster, zone } = use.node
  const place = `${name} (${cluster}/${zone})`
  const rivals =
    alternatives === 1 ? 'the only node that fits' : `best of ${alternatives} nodes that fit`
  if (demand.count === 0) return `on ${place}: ${rivals}`
  const what = `${demand.count} × ${demand.accelerator ?? 'device'} on ${place}`
  const price =
    fit.openedUsdH === 0 ? 'on devices already in use' : `$${fit.openedUsdH.toFixed(2)}/h`
  const links = fit.extraGroups > 0 ? `, over ${fit.extraGroups + 1} link groups` : ''
  return `${what}: ${rivals}, ${price}${links}`
}

/** What every node lacks, the commonest first, and what would have to be freed. */
export function explainRefusal(demand: Demand, occupancy: Occupancy): Refusal {
  const lacks = new Map<string, number>()
  for (const use of occupancy.nodes) {
    const lack = lackOf(demand, use, occupancy)
    lacks.set(lack, (lacks.get(lack) ?? 0) + 1)
  }
  const told = [...lacks]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 4)
    .map(([lack, nodes]) => `${nodes} ${nodes === 1 ? 'node' : 'nodes'}: ${lack}`)
  const wouldFree = leastToFree(demand, occupancy)
  const cure =
    wouldFree.length === 0
      ? ''
      : `; it would fit on ${wouldFree[0]!.node} without ${namesOf(wouldFree)}`
  const wants =
    demand.count === 0 ? 'a node' : `${demand.count} × ${demand.accelerator}${partOf(demand)}`
  const all = told.length === 0 ? 'there are no nodes' : told.join('; ')
  return { demand, reason: `no room for ${wants}: ${all}${cure}`, wouldFree }
}

const partOf = ({ share }: Demand): string =>
  share
    ? ` (${(share.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${Math.round(share.compute * 100)} % of its time each)`
    : ''

function namesOf(claims: readonly Claim[]): string {
  const names = claims
    .slice(0, 3)
    .map(({ replica, priority, isGoing }) =>
      isGoing ? `${replica}, which is going` : `${replica} (priority ${priority})`,
    )
  return claims.length > 3 ? `${names.join(', ')} and ${claims.length - 3} more` : names.join(', ')
}

function lackOf(demand: Demand, use: NodeUse, occupancy: Occupancy): string {
  const no = objection(demand, use.node)
  if (no !== null) return no
  const suitable = use.devices.filter(({ device }) => suits(demand, device)).length
  if (suitable === 0) return `no ${demand.accelerator} that suits`
  if (suitable < demand.count) return `has ${suitable} ${demand.accelerator}, not ${demand.count}`
  const usable = use.devices.filter((one) => isUsable(demand, one)).length
  if (usable < demand.count) return `${usable} of ${suitable} ${demand.accelerator} free`
  const siblings = occupancy.whereabouts(demand.deployment)
  return crowding(demand, use, siblings, (one) => occupancy.whereabouts(one)) ?? 'taken meanwhile'
}

/** Per node, ends the least important one after another until the demand fits; the gentlest node wins. */
function leastToFree(demand: Demand, occupancy: Occupancy): readonly Claim[] {
  let best: readonly Claim[] = []
  for (const use of occupancy.nodes) {
    if (objection(demand, use.node) !== null) continue
    if (use.devices.filter(({ device }) => suits(demand, device)).length < demand.count) continue
    const freed = freeOn(demand, use, occupancy)
    if (freed && (best.length === 0 || isGentler(freed, best))) best = freed
  }
  return best
}

function freeOn(demand: Demand, use: NodeUse, occupancy: Occupancy): readonly Claim[] | null {
  const order = [...use.claims]
    .filter((claim) => claim.devices.length > 0 && !isInVain(demand, claim))
    .toSorted((a, b) => compare(weightOf(a), weightOf(b)) || a.devices.length - b.devices.length)
  const freed: Claim[] = []
  for (const claim of order) {
    if (fitOn(demand, use)) break
    occupancy.remove(claim)
    freed.push(claim)
  }
  const isEnough = fitOn(demand, use) !== null
  for (const claim of freed) occupancy.add(claim)
  if (!isEnough || freed.length === 0) return null
  return needed(freed, (rest) => {
    for (const claim of rest) occupancy.remove(claim)
    const fits = fitOn(demand, use) !== null
    for (const claim of rest) occupancy.add(claim)
    return fits
  })
}

/** Its own replicas would want another place in turn, but for those that newer ones replace. */
const isInVain = ({ deployment }: Demand, claim: Claim): boolean =>
  claim.deployment === deployment && claim.isOutdated !== true && claim.isGoing !== true

/** Some that ended first may not have been in the way. */
function needed(
  freed: readonly Claim[],
  isEnough: (rest: readonly Claim[]) => boolean,
): readonly Claim[] {
  let rest = freed
  for (const claim of freed) {
    const less = rest.filter((one) => one !== claim)
    if (isEnough(less)) rest = less
  }
  return rest
}

/** Whose most important victim matters less, then who ends fewer. */
function isGentler(a: readonly Claim[], b: readonly Claim[]): boolean {
  const worst = (claims: readonly Claim[]) => Math.max(...claims.map(weightOf))
  return (compare(worst(a), worst(b)) || a.length - b.length) < 0
}

/** Infinity less infinity is no number. */
const compare = (a: number, b: number): number => Number(a > b) - Number(a < b)
