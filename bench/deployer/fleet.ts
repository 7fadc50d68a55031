/**
 * Twelve uneven models on eight GPUs: packed by the placement that the deployer uses, each under a memory and a time
 * limit, against one model a GPU. Both are played in the simulator, step by step, with engines that share a device
 * slowing each other down. `node bench/deployer/fleet.ts [--minutes 10] [--load 1]`
 */
import { parseArgs } from 'node:util'
import { deploymentSpec } from '../../src/contract/deployment.ts'
import { demandOf, type Demand } from '../../src/deployer/policy/placement/demand.ts'
import { openNode } from '../../src/deployer/policy/placement/node.fixture.ts'
import type { PlaceNode } from '../../src/deployer/policy/placement/node.ts'
import { place } from '../../src/deployer/policy/placement/place.ts'
import { engineModels } from '../../src/engines/models.ts'
import { resolveAccelerator } from '../../src/planner/accelerators/resolve-accelerator.ts'
import { precisionOf } from '../../src/planner/kernel-precision.ts'
import { memoryBudget } from '../../src/planner/memory/budget.ts'
import { resolveModel } from '../../src/planner/models/resolve-model.ts'
import type { Layout } from '../../src/planner/step/step-time.ts'
import { parseWorkload } from '../../src/planner/workload/parse-workload.ts'
import { drawRequests } from '../../src/simulator/rehearsal/drawn-requests.ts'
import { plannedEngine, type PlannedEngine } from '../../src/simulator/scenario/planned-engine.ts'
import type { WorkloadRequest } from '../../src/simulator/workload.ts'
import { playTogether, type Played, type Tenant } from './shared-device.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    load: { type: 'string', default: '1' },
  },
})
const seconds = Number(values.minutes) * 60
const limits = { ttftMs: 2000, tpotMs: 100 }
const gpus = 8
const device = resolveAccelerator('h100')!
const vllm = engineModels.find(({ name }) => name === 'vllm')!
const workload = parseWorkload('chat')

/** Requests a second: few are popular, most are asked now and then. */
const fleet = [
  { name: 'llama-3.1-8b', rps: 4, weights: 'bf16', tp: 1 },
  { name: 'qwen3-30b-a3b', rps: 1.5, weights: 'fp8', tp: 1 },
  { name: 'llama-3.1-70b', rps: 0.6, weights: 'fp8', tp: 2 },
  { name: 'qwen3-8b', rps: 0.9, weights: 'bf16', tp: 1 },
  { name: 'qwen3-32b', rps: 0.5, weights: 'fp8', tp: 1 },
  { name: 'gemma-3-27b', rps: 0.3, weights: 'fp8', tp: 1 },
  { name: 'qwen3-14b', rps: 0.4, weights: 'bf16', tp: 1 },
  { name: 'gpt-oss-20b', rps: 0.6, weights: 'mxfp4', tp: 1 },
  { name: 'mistral-7b', rps: 0.3, weights: 'bf16', tp: 1 },
  { name: 'gemma-3-12b', rps: 0.1, weights: 'bf16', tp: 1 },
  { name: 'qwen3-4b', rps: 0.5, weights: 'bf16', tp: 1 },
  { name: 'llama-3.2-3b', rps: 0.2, weights: 'bf16', tp: 1 },
] as const

interface Model {
  readonly name: string
  readonly tp: number
  readonly requests: readonly WorkloadRequest[]
  readonly layout: Layout
  /** What it needs of each of its devices. */
  readonly memoryBytes: number
  readonly compute: number
}

function layoutOf({ name, weights, tp }: (typeof fleet)[number]): Layout {
  const model = resolveModel(name)
  if (!model) throw new Error(`no model ${name}`)
  return { model, device, precision: precisionOf(model, weights, 2), tp, pp: 1, dp: 1, ep: 1 }
}

function engineOf(layout: Layout, memoryShare: number): PlannedEngine {
  const engine = { layout, engine: vllm, version: '', replicas: 1, batchedTokens: 2048 }
  const shape = { isl: workload.inputTokens.mean, osl: workload.outputTokens.mean, prefixShare: 0 }
  const load = { kind: 'open', rateRps: null, prompts: null } as const
  return plannedEngine({ ...engine, ...shape, load, maxSequences: 256, memoryShare })
}

const whole = 0.92
/** Shares of a device's time that are tried; the least that keeps the limits is asked for. */
const shares = [0.1, 0.15, 0.2, 0.25, 0.33, 0.5, 0.66, 0.8, 1]
const goal = 0.99

/** What a model needs: the smallest share of time at which it alone keeps its limits, and what its cache then holds. */
function sized(entry: (typeof fleet)[number], at: number): Model {
  const layout = layoutOf(entry)
  const rateRps = entry.rps * Number(values.load)
  const count = Math.round(rateRps * seconds)
  const draw = { seed: at + 1, count, rateRps, contextMax: 8192 }
  const requests = drawRequests(workload, draw)
  const devices = Array.from({ length: entry.tp }, (_, index) => String(index))
  const engine = engineOf(layout, whole)
  for (const compute of shares) {
    const tenant: Tenant = { engine, requests, devices, slowness: 1 / compute }
    const { kept, kvUsageMax } = playTogether([tenant], limits)
    if (kept[0]! < goal * count && compute < 1) continue
    const { weightBytes, workspaceBytes, kvBytes } = memoryBudget(layout, vllm.memory, {
      share: whole,
      batchedTokens: 2048,
    })
    // A fifth more than was ever seen in use.
    const memoryBytes = weightBytes + workspaceBytes + 1.2 * kvUsageMax[0]! * kvBytes
    return { name: entry.name, tp: entry.tp, requests, layout, memoryBytes, compute }
  }
  throw new Error('unreachable')
}

const nodeOf = (count: number): PlaceNode =>
  openNode('node', count, (at) => ({
    id: `gpu-${at}`,
    names: ['h100'],
    memoryBytes: device.memoryBytes,
    priceUsdH: device.priceUsdH,
    group: 'nvlink',
  }))

/** As a deployment asks for it; whole devices where nothing is shared. The busiest go first where not all fit. */
function demand({ name, tp, memoryBytes, compute, requests }: Model, isShared: boolean): Demand {
  const memory = `${Math.ceil((memoryBytes / 2 ** 30) * 10) / 10}GiB`
  const spec = deploymentSpec.parse({
    name: name.replace(/\W/g, '-'),
    model: name,
    hardware: `h100:${tp}`,
    priority: Math.min(1000, Math.round((requests.length / seconds) * 100)),
    placement: { share: isShared ? { memory, compute } : null },
  })
  return demandOf(spec, name)
}

interface Outcome {
  readonly placed: number
  readonly opened: number
  readonly played: Played
  /** Of all requests, also those of models that have no place. */
  readonly attainment: number
}

function run(models: readonly Model[], count: number, isShared: boolean): Outcome {
  const { placed } = place(
    models.map((model) => demand(model, isShared)),
    [nodeOf(count)],
    [],
  )
  const at = new Map(placed.map(({ claim }) => [claim.replica, claim.devices]))
  const hosted = models.filter(({ name }) => at.has(name))
  const tenants = hosted.map(({ name, layout, requests, memoryBytes }): Tenant => {
    const share = isShared ? memoryBytes / device.memoryBytes : whole
    return { engine: engineOf(layout, share), requests, devices: at.get(name)!, slowness: 1 }
  })
  const played = playTogether(tenants, limits)
  const all = models.reduce((sum, { requests }) => sum + requests.length, 0)
  return {
    placed: hosted.length,
    opened: new Set([...at.values()].flat()).size,
    played,
    attainment: played.kept.reduce((sum, kept) => sum + kept, 0) / all,
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`.padStart(9)

function told(what: string, count: number, { placed, opened, played, attainment }: Outcome): void {
  const busy = [...played.busyMs.values()].reduce((sum, ms) => sum + ms, 0)
  const used = busy / played.endMs
  console.log(
    `${what.padEnd(34)}${String(count).padStart(5)}${String(opened).padStart(6)}${`${placed}/${fleet.length}`.padStart(8)}${percent(used / count)}${percent(used / opened)}${percent(attainment)}`,
  )
}

const models = fleet.map(sized)
console.log(
  `${values.minutes} min of ${workload.name}, load × ${values.load}; kept: TTFT ≤ ${limits.ttftMs} ms and TPOT ≤ ${limits.tpotMs} ms of each request\n`,
)
console.log(`${'model'.padEnd(18)} req/s   GPUs    GiB each   of its time`)
for (const [at, { name, tp, memoryBytes, compute }] of models.entries())
  console.log(
    `${name.padEnd(18)}${fleet[at]!.rps.toFixed(1).padStart(6)}${String(tp).padStart(7)}${(memoryBytes / 2 ** 30).toFixed(1).padStart(12)}${percent(compute).padStart(14)}`,
  )
console.log(
  `\n${''.padEnd(34)} GPUs  used  models   busy of   busy of  requests\n${''.padEnd(53)}   all      used      kept`,
)
told('packed', gpus, run(models, gpus, true))
told('one model a GPU, the same GPUs', gpus, run(models, gpus, false))
const apart = models.reduce((sum, { tp }) => sum + tp, 0)
told('one model a GPU, as many as it takes', apart, run(models, apart, false))
for (let count = 1; count <= apart; count++) {
  const outcome = run(models, count, true)
  if (outcome.placed < models.length || outcome.attainment < goal) continue
  told(`packed, fewest that keep ${percent(goal).trim()}`, count, outcome)
  break
}
