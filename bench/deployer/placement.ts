/**
 * Placement: how long 1,000 replicas on 500 mixed nodes take, and how far small fleets are from the best of all
 * placements: `node bench/deployer/placement.ts`.
 */
import { deploymentSpec } from '../../src/contract/deployment.ts'
import { createRandom } from '../../src/core/random.ts'
import { demandOf, type Demand } from '../../src/deployer/policy/placement/demand.ts'
import {
  cheapestOf,
  costOfAll,
  missingUsdH,
} from '../../src/deployer/policy/placement/exact.fixture.ts'
import type { PlaceNode } from '../../src/deployer/policy/placement/node.ts'
import { openNode } from '../../src/deployer/policy/placement/node.fixture.ts'
import { place } from '../../src/deployer/policy/placement/place.ts'

const GiB = 2 ** 30
const kinds = [
  { name: 'h100', GiB: 80, usdH: 2.5 },
  { name: 'a100', GiB: 80, usdH: 1.39 },
  { name: 'l40s', GiB: 48, usdH: 0.87 },
  { name: 't4', GiB: 16, usdH: 0.53 },
] as const
type Kind = (typeof kinds)[number]

function node(name: string, kind: Kind, devices: number, more: Partial<PlaceNode>): PlaceNode {
  const device = (at: number) => ({
    id: `${name}/${at}`,
    names: [kind.name],
    memoryBytes: kind.GiB * GiB,
    priceUsdH: kind.usdH,
    group: String(at >> 2),
  })
  return openNode(name, devices, device, more)
}

function demand(at: number, deployment: number, random: () => number): Demand {
  const kind = kinds[deployment % 4]!
  const isShared = deployment % 5 === 0
  const count = isShared ? 1 : [1, 1, 2, 4][(deployment % 7) % 4]!
  const share = isShared
    ? { memory: `${[4, 8, 12][Math.floor(random() * 3)]}GiB`, compute: 0.3 }
    : null
  const spec = deploymentSpec.parse({
    name: `d${deployment}`,
    model: 'm',
    hardware: `${kind.name}:${count}`,
    placement: { share, spot: deployment % 3 === 0 },
  })
  return demandOf(spec, `r${at}`)
}

function large(deployments: number): void {
  const random = createRandom(1)
  const nodes = Array.from({ length: 500 }, (_, at) =>
    node(`n${at}`, kinds[at % 4]!, [8, 4, 8, 2][(at >> 2) % 4]!, {
      zone: `z${at % 6}`,
      isSpot: at % 7 === 0,
    }),
  )
  const shapes = Array.from({ length: deployments }, (_, at) => demand(0, at, random))
  const demands = Array.from({ length: 1000 }, (_, at) => ({
    ...shapes[at % deployments]!,
    replica: `r${at}`,
  }))
  const times: number[] = []
  let result = place([], [], [])
  for (let round = 0; round < 7; round++) {
    const startMs = performance.now()
    result = place(demands, nodes, [])
    times.push(performance.now() - startMs)
  }
  const sorted = times.toSorted((a, b) => a - b)
  console.log(
    `1,000 replicas of ${deployments} deployments on 500 nodes: ${sorted[3]!.toFixed(0)} ms (${sorted[0]!.toFixed(0)}–${sorted.at(-1)!.toFixed(0)}), ${result.placed.length} placed, ${result.unplaced.length} without room`,
  )
}

/** So small that all combinations can be tried, yet some beyond what placement tries itself. */
function small(replicas: number, cases: number): void {
  let mine = 0
  let exact = 0
  let worst = 0
  let fewer = 0
  let counted = 0
  for (let seed = 1; seed <= cases; seed++) {
    const random = createRandom(seed * 7919 + replicas)
    const within = (to: number) => Math.floor(random() * to)
    const nodes = Array.from({ length: 3 }, (_, at) =>
      node(`n${at}`, { ...kinds[within(3)]!, name: 'h100' as never }, 1 + within(4), {
        zone: `z${within(2)}`,
      }),
    )
    const shapes = Array.from({ length: 3 }, (_, at) => {
      const share =
        random() < 0.5 ? { memory: `${10 + within(30)}GiB`, compute: 0.2 + 0.1 * within(5) } : null
      return deploymentSpec.parse({
        name: `d${at}`,
        model: 'm',
        hardware: `h100:${share ? 1 : 1 + within(2)}`,
        placement: { share },
      })
    })
    const demands = Array.from({ length: replicas }, (_, at) => demandOf(shapes[at % 3]!, `r${at}`))
    const cost = costOfAll(place(demands, nodes, []), nodes)
    const best = cheapestOf(demands, nodes)
    if (Math.floor(cost / missingUsdH) > Math.floor(best / missingUsdH)) fewer++
    // What finds no place costs a thousand: beside it no other difference would be seen.
    const rest = (sum: number) => sum % missingUsdH
    if (Math.floor(cost / missingUsdH) !== Math.floor(best / missingUsdH)) continue
    counted++
    mine += rest(cost)
    exact += rest(best)
    worst = Math.max(worst, rest(cost) / rest(best) - 1)
  }
  console.log(
    `${replicas} replicas on 3 nodes, ${cases} fleets: cost ${((mine / exact - 1) * 100).toFixed(2)} % above the best of all in total, ${(worst * 100).toFixed(1)} % at worst; a replica fewer placed in ${fewer}`,
  )
}

large(30)
large(1000)
small(4, 200)
small(6, 200)
small(8, 40)
