/**
 * How fast the simulator is: `node bench/simulator/speed.ts [--rounds 15]`. Medians with the range; CPU time beside wall
 * time, because the machine may be busy with something else.
 */
import { parseArgs } from 'node:util'
import { createRandom } from '../../src/core/random.ts'
import { engineModels } from '../../src/engines/models.ts'
import { readRow } from '../../src/planner/predict/row.ts'
import { readScenario } from '../../src/planner/predict/read-scenario.ts'
import { defaultParameters } from '../../src/simulator/engine/parameters.ts'
import { plannedEngine } from '../../src/simulator/scenario/planned-engine.ts'
import type { PoolSetup } from '../../src/simulator/setup.ts'
import { simulate } from '../../src/simulator/simulate.ts'
import { linearStepTime } from '../../src/simulator/step-times.ts'
import type { WorkloadRequest } from '../../src/simulator/workload.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } })
const rounds = Number(values.rounds)

const stepTime = linearStepTime({
  baseMs: 6,
  promptTokenMs: 0.03,
  sequenceMs: 0.02,
  contextTokenMs: 1e-5,
  promptPairMs: 0,
})
const pool: PoolSetup = { name: 'a', engine: defaultParameters, stepTime, replicas: 1 }
const deployment = readScenario(
  readRow({
    engine: 'vllm',
    version: '0.15.1',
    model: 'llama-3.1-8b',
    gpu: 'h100',
    num_gpus: '1',
    isl: '500',
    osl: '250',
    concurrency_or_batch: '1',
  }),
  engineModels,
)
if ('reason' in deployment) throw new Error(deployment.reason)
const planned = () => ({ ...pool, ...plannedEngine(deployment) })

measure('1,000 requests, 20/s, linear step times', poisson(1000, 20), () => [pool])
measure('the same, with shared prefixes', poisson(1000, 20, true), () => [pool])
measure('1,000 requests, 20/s, planned step times', poisson(1000, 20), () => [planned()])
measure('100,000 requests, 80/s, 4 replicas', poisson(100_000, 80), () => [
  { ...pool, replicas: 4 },
])
measure('100,000 requests, 800/s, short answers, 8 replicas', short(100_000, 800), () => [
  { ...pool, replicas: 8 },
])

function measure(name: string, workload: WorkloadRequest[], pools: () => PoolSetup[]): void {
  const wallsMs: number[] = []
  const cpusMs: number[] = []
  let events = 0
  let tokens = 0
  const times = workload.length > 10_000 ? Math.max(1, Math.floor(rounds / 5)) : rounds
  for (let round = 0; round < times; round++) {
    const setup = { seed: 1, workload, pools: pools() }
    const cpu = process.cpuUsage()
    const startedMs = performance.now()
    const result = simulate(setup)
    wallsMs.push(performance.now() - startedMs)
    const { user, system } = process.cpuUsage(cpu)
    cpusMs.push((user + system) / 1000)
    events = result.events
    tokens = result.replicas.reduce((sum, { totals }) => sum + totals.tokens, 0)
  }
  const wallMs = median(wallsMs)
  console.log(
    `${name}: ${wallMs.toFixed(1)} ms (${Math.min(...wallsMs).toFixed(1)}–${Math.max(...wallsMs).toFixed(1)}, first ${wallsMs[0]!.toFixed(1)}, CPU ${median(cpusMs).toFixed(1)}, n=${times}); ` +
      `${millions(events / wallMs)} events/s, ${millions(tokens / wallMs)} tokens/s`,
  )
}

function poisson(count: number, ratePerS: number, hasPrefix = false): WorkloadRequest[] {
  const random = createRandom(1)
  let atMs = 0
  return Array.from({ length: count }, (_, at) => ({
    atMs: (atMs += (-Math.log(1 - random()) * 1000) / ratePerS),
    promptTokens: 1 + Math.floor(random() * 1000),
    answerTokens: 1 + Math.floor(random() * 500),
    ...(hasPrefix
      ? { blockHashes: Array.from({ length: 20 }, (__, block) => (at % 50) * 100 + block) }
      : {}),
  }))
}

function short(count: number, ratePerS: number): WorkloadRequest[] {
  return poisson(count, ratePerS).map((request) => ({ ...request, answerTokens: 8 }))
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

function millions(perMs: number): string {
  return `${(perMs / 1000).toFixed(2)} M`
}
