import { join } from 'node:path'
import type { Boot } from '../../contract/boot.ts'
import type { ChildMessage } from '../../contract/ipc.ts'
import { systemClock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { createSuffix } from '../../core/id.ts'
import type { Log } from '../../core/log.ts'
import { createDeployer } from '../../deployer/deployer.ts'
import { snapshotKey } from '../../deployer/policy/snapshot.ts'
import { createPreparations, type ModelSource } from '../../deployer/preparation.ts'
import { callEngineOverHttp } from '../../deployer/adapters.ts'
import { probeOverHttp, readMetricsOverHttp, warmOverHttp } from '../../deployer/probe.ts'
import { createSnapshotFile } from '../../deployer/snapshot-file.ts'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { Engine } from '../../engines/engine.ts'
import { createControlMetrics } from '../../observability/metrics/control.ts'
import { createApi } from '../api/api.ts'
import { isRunning } from '../process-table.ts'
import { reachableUrl } from '../reachable-url.ts'
import { deviceNames } from './device-names.ts'
import { findEnginePrograms } from './engine-programs.ts'
import { createUsageReplay } from '../usage/usage-replay.ts'
import { readAdminToken } from './admin-token.ts'
import { createApiKey } from './api-key.ts'
import { checkSpec } from './check-spec.ts'
import { applyConfigDeployments } from './config-deployments.ts'
import { openStore } from './open-store.ts'
import { createRuntimes } from './runtimes.ts'
import { createEngineMemory } from './engine-memory.ts'
import { createInstalledEngines } from './installed-engines.ts'
import { runsHere } from './runs-here.ts'
import { createRegistry, type Registry } from './registry.ts'
import { watchStore } from './watched-store.ts'

export interface ControlDeps {
  readonly version: string
  readonly databaseUrl: string | undefined
  /** What engines inherit. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  readonly engines: readonly Engine[]
  /** Throws `engine/unknown`. */
  readonly findEngine: (name: string) => Engine
  readonly createModelSource: (log: Log) => ModelSource
  readonly checkModel: (spec: DeploymentSpec) => Promise<void>
  /** To the supervisor. */
  readonly send: (message: ChildMessage) => void
}

export interface Control {
  readonly url: string
  readonly port: number
  /** Requests wait for a model that may be asleep. */
  wake(route: string): void
  /** Ends the engines, each with its time to drain, then itself. */
  drain(): Promise<void>
  /** Ends itself; the engines go on for the next control. */
  handOn(): Promise<void>
}

/** A database server that is just starting, too, is waited for that long. */
const storeWaitMs = 30_000
const clock = systemClock

/** Everything that is not on the path of a request: store, API, reconcile loop, usage. */
export async function startControl(boot: Boot, deps: ControlDeps): Promise<Control> {
  const { dataDirectory, config } = boot
  const { log, send } = deps
  const startedAtMs = clock.nowMs()
  const opened = await openStore(dataDirectory, deps.databaseUrl, storeWaitMs, (reason) => {
    log.warn({ reason }, 'waiting for the database')
    send({ type: 'progress', topic: 'database', text: `waiting: ${reason}`, isDone: false })
  })
  const metrics = createControlMetrics(() => ({
    deployments: deployer.deployments(),
    replayLagBytes: replay.lagBytes(),
  }))
  const store = watchStore(opened, (code) => metrics.storeFailed(code))
  const registry = await createRegistry(store)
  const changed = await applyConfigDeployments(config.deployments, store, registry, clock.nowMs())
  if (changed.length > 0) log.info({ changed }, 'deployments of the config were applied')
  await createFirstKey(registry, send)

  const { environment } = deps
  const runtime = await createRuntimes(config, { dataDirectory, environment, log })
  const snapshot = createSnapshotFile(join(dataDirectory, 'run', 'snapshot.json'), clock)
  const deployer = createDeployer({
    runtime,
    engineOf: createInstalledEngines(
      deps.findEngine,
      config.engines,
      deps.environment,
      createEngineMemory(join(dataDirectory, 'run', 'engines.json')),
    ),
    createPreparations: (onChange) =>
      createPreparations({ source: deps.createModelSource(log), clock, log, onChange }),
    runsHere: (spec) => runsHere(spec, config.runtimes),
    probe: probeOverHttp,
    warm: warmOverHttp,
    callEngine: callEngineOverHttp,
    readMetrics: readMetricsOverHttp,
    ledger: {
      setProgress: (name, revision, progress) => registry.setProgress(name, revision, progress),
      promote: (name, revision, reason) => registry.promote(name, revision, reason, clock.nowMs()),
      rollBack: async (name, revision, reason) => {
        const why = `revision ${revision} was rolled back: ${reason}`
        await registry.rollBack(name, revision, { by: 'rollout', why, atMs: clock.nowMs() })
      },
    },
    namesOf: deviceNames,
    clock,
    log,
    createSuffix,
    publish: (routes, lost, ended) =>
      snapshot.write({ keys: registry.keys().map(snapshotKey), routes, lost, ended }),
    meter: metrics,
  })
  const tellWanted = (): void => {
    deployer.setDrained(new Map(registry.drained().map(({ name, why }) => [name, why])))
    deployer.setWanted(registry.deployments())
  }
  tellWanted()
  registry.onChange(tellWanted)
  const replay = createUsageReplay({
    dataDirectory,
    requests: store.requests,
    isRunning,
    clock,
    log,
    onReplayed: (count) => metrics.replayed(count),
    onRecord: (record) =>
      record.t === 'open' ? deployer.noteOpened(record.route) : deployer.noteClosed(record),
  })
  await deployer.start()

  const api = await createApi({
    registry,
    deployer,
    requests: store.requests,
    injections: store.injections,
    logs: (id, request) => runtime.logs(id, request),
    kindOf: (name) => config.runtimes[name]?.kind ?? 'process',
    clock,
    status: {
      version: deps.version,
      startedAtMs,
      dataDirectory,
      store: store.kind,
      gatewayUrl: boot.gatewayUrl,
      gateways: boot.gateways,
    },
    checkEngine: (spec) => checkSpec(deps.findEngine(spec.engine), spec, config.runtimes),
    checkModel: deps.checkModel,
    engines: () => findEnginePrograms(deps.engines, config.engines, environment),
    adminToken: readAdminToken(dataDirectory),
    log,
    metrics: () => metrics.registry.metrics(),
  })
  const port = await listen(api, config.control)
  replay.start()

  const end = async (): Promise<void> => {
    await api.close()
    await replay.close()
    await store.close()
  }
  return {
    port,
    url: reachableUrl(config.control.host, port),
    wake: (route) => deployer.wake(route),
    async drain() {
      const { keepRunning } = config.control
      await deployer.stopAll((runtime) => keepRunning && runtime !== 'process')
      await replay.close()
      // Gateways have ended by now: what they wrote last belongs into the books of this run.
      await replay.run().catch((thrown) => log.warn({ err: thrown }, 'usage stays in the journal'))
      await end()
    },
    async handOn() {
      deployer.close()
      await end()
    },
  }
}

async function createFirstKey(
  registry: Registry,
  send: (message: ChildMessage) => void,
): Promise<void> {
  if (registry.keys().length > 0) return
  const input = {
    name: 'first',
    routes: null,
    requestsPerMinute: null,
    tokensPerMinute: null,
    expiresAtMs: null,
    isAdmin: false,
  }
  const { key, stored } = createApiKey(input, clock.nowMs())
  await registry.createKey(stored)
  send({ type: 'key-created', key })
}

async function listen(
  api: Awaited<ReturnType<typeof createApi>>,
  { host, port }: Boot['config']['control'],
): Promise<number> {
  try {
    await api.listen({ host, port })
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw thrown
    throw new AppError('machine/port-busy', {
      message: `control can't listen on ${host} port ${port}: ${message}`,
      param: 'control.port',
      hint: 'Choose another port with --control-port (0: any free one).',
      cause: thrown,
    })
  }
  const address = api.server.address()
  return typeof address === 'object' && address ? address.port : port
}
