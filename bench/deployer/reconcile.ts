/**
 * One pass of the reconcile loop over 1,000 deployments × 10 replicas: `node bench/deployer/reconcile.ts`. Runs itself
 * with the flags that control has. The time of a pass is that of the clock, and beside it what the CPU gave to it.
 */
import { spawnSync } from 'node:child_process'
import { deploymentSpec } from '../../src/contract/deployment.ts'
import { silentLog } from '../../src/core/log.ts'
import { createDeployer } from '../../src/deployer/deployer.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { nodeFlags } from '../../src/server/node-flags.ts'
import { createFakeRuntime, createWorld, fakeNode } from '../../src/runtimes/fake/fake.ts'

const flags = ['--expose-gc', ...nodeFlags.control]
if (!flags.every((flag) => process.execArgv.includes(flag))) {
  const { status } = spawnSync(process.execPath, [...flags, ...process.argv.slice(1)], {
    stdio: 'inherit',
  })
  process.exit(status ?? 1)
}

const deployments = 1000
const replicasEach = 10
const passes = 40

const nodes = Array.from({ length: (deployments * replicasEach) / 8 + 10 }, (_, at) =>
  fakeNode(`node-${at}`, 8, { zone: `zone-${at % 3}` }),
)
const runtime = createFakeRuntime(createWorld(nodes))
const work: (() => void)[] = []
let snapshotBytes = 0
let count = 0
const passMs: number[] = []
const passCpuMs: number[] = []
/** A look is one turn: what this thread took for it is what it cost. */
const measured = (look: () => void) => (): void => {
  const count = passMs.length
  const before = process.threadCpuUsage()
  look()
  const { user, system } = process.threadCpuUsage(before)
  if (passMs.length > count) passCpuMs.push((user + system) / 1000)
}
const deployer = createDeployer({
  runtime,
  engineOf: () => ({
    name: 'test',
    about: 'a bench',
    metricsAt: 'api',
    honours: [],
    explainFailure: () => null,
    takes: 'file',
    inspection: null,
    tasks: ['generate'],
    metricsPath: null,
    launch: ({ modelPath }) => launchPlan({ argv: ['engine', modelPath] }),
    readHealth: () => ({ state: 'ready', reason: 'ready' }),
    parseMetrics: () => {
      throw new Error('not needed')
    },
  }),
  createPreparations: () => ({
    of: (model) => ({ state: 'ready', path: model, task: 'generate' }),
    keepOnly: () => {},
    recheck: () => {},
    retry: () => {},
    close: () => {},
  }),
  runsHere: () => true,
  probe: async () => ({ state: 'ready', reason: 'ready' }),
  warm: async () => null,
  callEngine: async () => null,
  readMetrics: async () => null,
  namesOf: () => ['gpu'],
  ledger: { setProgress: async () => {}, promote: async () => {}, rollBack: async () => {} },
  clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
  log: silentLog,
  createSuffix: () => String(++count),
  // What the snapshot file does each time: comparing costs as much as writing.
  publish: (routes) => void (snapshotBytes = JSON.stringify(routes).length),
  meter: { reconciled: (ms) => void passMs.push(ms), acted: () => {} },
  schedule: {
    every: (ms, tick) => {
      if (ms === 500 || ms === 100) work.push(measured(tick))
      return () => {}
    },
    soon: (task) => void setImmediate(measured(task)),
  },
})
deployer.setWanted(
  Array.from({ length: deployments }, (_, at) => ({
    spec: deploymentSpec.parse({
      name: `d${at}`,
      model: `m${at % 50}`,
      engine: 'test',
      runtime: 'fake',
      replicas: replicasEach,
      hardware: 'gpu',
    }),
    revision: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    rollout: null,
  })),
)

const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
const startMs = performance.now()
await deployer.start()
let rounds = 0
while (
  deployer.replicas().filter(({ state }) => state === 'ready').length <
  deployments * replicasEach
) {
  for (const tick of work) tick()
  await turn()
  if (++rounds > 500) throw new Error('they do not come up')
}
const upMs = performance.now() - startMs
const upMost = `${Math.max(...passMs).toFixed(0)} ms (${Math.max(...passCpuMs).toFixed(0)} ms of CPU)`
passMs.length = 0
passCpuMs.length = 0
globalThis.gc?.()
for (let pass = 0; pass < passes; pass++) {
  for (const tick of work) tick()
  await turn()
}
const ranked = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(0)
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms`
}
console.log(
  `one pass over ${deployments} × ${replicasEach}: ${ranked(passMs)} (CPU ${ranked(passCpuMs)}; ${passMs.length} passes), snapshot ${(snapshotBytes / 1e6).toFixed(1)} MB`,
)
console.log(`all up after ${(upMs / 1000).toFixed(1)} s, longest pass on the way ${upMost}`)
console.log(
  `resident memory ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB, heap ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB`,
)
deployer.close()
