/** One pass of the reconcile loop over 1,000 deployments × 10 replicas: `node bench/deployer/reconcile.ts`. */
import { deploymentSpec } from '../../src/contract/deployment.ts'
import { silentLog } from '../../src/core/log.ts'
import { createDeployer } from '../../src/deployer/deployer.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { createFakeRuntime, createWorld, fakeNode } from '../../src/runtimes/fake/fake.ts'

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
const deployer = createDeployer({
  runtime,
  engineOf: () => ({
    name: 'test',
    about: 'a bench',
    metricsPort: 'http',
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
    of: (model) => ({ state: 'ready', path: model }),
    recheck: () => {},
    close: () => {},
  }),
  probe: async () => ({ state: 'ready', reason: 'ready' }),
  warm: async () => null,
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
      if (ms === 500 || ms === 100) work.push(tick)
      return () => {}
    },
    soon: (task) => void setImmediate(task),
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
const upMost = Math.max(...passMs)
passMs.length = 0
globalThis.gc?.()
for (let pass = 0; pass < passes; pass++) {
  for (const tick of work) tick()
  await turn()
}
const sorted = passMs.toSorted((a, b) => a - b)
const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(0)
console.log(
  `one pass over ${deployments} × ${replicasEach}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms (${sorted.length} passes), snapshot ${(snapshotBytes / 1e6).toFixed(1)} MB`,
)
console.log(
  `all up after ${(upMs / 1000).toFixed(1)} s, longest pass on the way ${upMost.toFixed(0)} ms`,
)
console.log(
  `resident memory ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB, heap ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB`,
)
deployer.close()
