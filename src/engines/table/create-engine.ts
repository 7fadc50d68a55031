import { dirname } from 'node:path'
import { namedArtefacts } from '../../contract/artefacts.ts'
import type { EngineSettings } from '../../contract/engine-settings.ts'
import type { Engine, EngineHealth, LaunchPlan, ReplicaSpec } from '../engine.ts'
import { launchPlan, oneCopy, probeOf } from '../launch-plan.ts'
import { portsOf } from '../pairing.ts'
import { environmentOf, orElse, sharedMemoryOf } from '../settings-said.ts'
import type { EngineTable, TableContext } from './engine-table.ts'
import { checkExtraArguments } from './extra-arguments.ts'
import { commonFailures, explainFailure } from './failures.ts'
import { layOut } from './layout.ts'
import type { Series } from './prometheus.ts'
import { readSignals } from './signals.ts'
import { writeSettings } from './write-settings.ts'

/** The adapter of an engine that is described by a table. */
export function createEngine(table: EngineTable): Engine {
  const failures = [...(table.failures ?? []), ...commonFailures]
  return {
    name: table.name,
    about: table.about,
    tasks: table.tasks,
    takes: table.takes ?? 'reference',
    inspection: table.inspection ?? null,
    metricsPath: table.metricsPath,
    metricsAt: table.replicaLabel === undefined ? 'api' : 'runtime',
    spansNodes: table.spansNodes ?? false,
    ...(table.pairing ? { pairing: table.pairing } : {}),
    ...(table.adapters ? { adapters: table.adapters } : {}),
    launch: (spec) => launch(table, spec),
    readHealth: (status, body) =>
      table.health.read?.(status, body) ?? readHealth(table, status, body),
    parseMetrics: (text, replicas) =>
      readSignals(table.signals, table.readPage?.(text) ?? text, ofReplicas(table, replicas)),
    explainFailure: (end) => explainFailure(failures, end),
    honours: [...new Set(table.rules.map(({ setting }) => setting))],
  }
}

function ofReplicas({ replicaLabel }: EngineTable, replicas: ReadonlySet<string> | undefined) {
  if (replicaLabel === undefined || !replicas) return undefined
  return ({ labels }: Series): boolean => replicas.has(labels[replicaLabel] ?? '')
}

function launch(table: EngineTable, spec: ReplicaSpec): LaunchPlan {
  const { settings, warnings } = table.dividesItself
    ? { settings: spec.deployment.settings, warnings: [] }
    : layOut(spec)
  const version = orElse(settings.engineVersion, spec.installed?.version ?? table.newestVersion)
  const servedName = spec.deployment.route ?? spec.deployment.name
  const context: TableContext = { spec, settings, version, servedName }
  const written = writeSettings(table.name, table.rules, table.why ?? {}, context)
  const command = table.command(context, written)
  const extra = extraArguments(table, settings, command.argv)
  const { env, secrets } = environmentOf(settings)
  const drainS = orElse(settings.drainTimeoutS, table.drain.timeoutS)
  const isCutOff = table.drain.how(context) === 'before'
  const told = table.drain.tell?.(drainS, context)
  const { livenessPath } = table.health
  const path =
    typeof table.health.path === 'string' ? table.health.path : table.health.path(context)
  const devices = table.devices?.(context) ?? devicesOf(context)
  return launchPlan({
    argv: command.isWhole
      ? command.argv
      : [...command.argv, ...written.argv, ...(told?.argv ?? []), ...extra.argv],
    env: { ...command.env, ...written.env, ...told?.env, ...env },
    secrets,
    files: command.files ?? {},
    image: command.url === undefined ? imageOf(table, context) : null,
    url: command.url ?? null,
    ports: command.ports ?? portsOf(spec, table.pairing !== undefined),
    probes: {
      startup: {
        ...probeOf(path),
        loadTimeoutMs: orElse(settings.loadTimeoutS, table.loadTimeoutS ?? 1800) * 1000,
      },
      readiness: probeOf(path),
      liveness:
        livenessPath === undefined
          ? probeOf(path, { periodMs: 10_000, failures: 10 })
          : probeOf(livenessPath, { periodMs: 60_000, timeoutMs: 30_000 }),
    },
    drain: {
      preStopMs: isCutOff ? drainS * 1000 : 0,
      signal: 'SIGTERM',
      graceMs: (table.drain.extraS + (isCutOff ? 0 : drainS)) * 1000,
    },
    devices,
    mounts: [
      ...modelMounts(spec),
      ...(table.caches ?? []).map((cache) => ({ path: cache, kind: 'cache' as const })),
    ],
    // Only processes that work together need it.
    sharedMemoryBytes: sharedMemoryOf(
      settings,
      devices.count !== 'any' && devices.count > 1 ? table.sharedMemoryGiB : null,
    ),
    warnings: [...warnings, ...written.warnings, ...(command.warnings ?? []), ...extra.warnings],
  })
}

/** The model's, and those of drafts and adapters that are not below the same directory. */
function modelMounts({ modelPath, deployment }: ReplicaSpec): LaunchPlan['mounts'] {
  const paths = [modelPath, ...namedArtefacts(deployment)].filter((path) => path.startsWith('/'))
  const mounts: { path: string; kind: 'model' }[] = []
  for (const path of paths)
    if (!mounts.some((mount) => path.startsWith(`${dirname(mount.path)}/`)))
      mounts.push({ path, kind: 'model' })
  return mounts
}

function extraArguments(
  { name, rules, forbiddenFlags = '', takesArguments = true }: EngineTable,
  { extraArguments: given }: EngineSettings,
  argv: readonly string[],
) {
  if (given.length === 0) return { argv: [], warnings: [] }
  if (!takesArguments)
    return { argv: [], warnings: [`extraArguments: ${name} has no command line to add to`] }
  const own = argv.filter((word) => word.startsWith('--'))
  return {
    argv: checkExtraArguments(name, given, rules, [...own, ...forbiddenFlags.trim().split(/\s+/)]),
    warnings: [],
  }
}

export function devicesOf({ settings }: TableContext): LaunchPlan['devices'] {
  if (settings.gpu === 'off') return oneCopy(0)
  const tensorParallel = orElse(settings.tensorParallel, 1)
  const pipelineParallel = orElse(settings.pipelineParallel, 1)
  const dataParallel = orElse(settings.dataParallel, 1)
  return {
    count: tensorParallel * pipelineParallel * dataParallel,
    tensorParallel,
    pipelineParallel,
    dataParallel,
    expertParallel: orElse(settings.expertParallel, 1),
  }
}

function imageOf(
  { images }: EngineTable,
  { settings, spec, version }: TableContext,
): string | null {
  if (settings.image !== 'auto') return settings.image
  const vendor = settings.gpu === 'off' ? 'cpu' : (spec.vendor ?? 'nvidia')
  return (images?.[vendor] ?? images?.['any'])?.replaceAll('{version}', version) ?? null
}

function readHealth({ health }: EngineTable, status: number, body: string): EngineHealth {
  if (status >= 200 && status < 300) return { state: 'ready', reason: 'ready' }
  const reason = reasonIn(body)
  return health.loading.includes(status)
    ? { state: 'loading', reason: reason ?? 'loading the model' }
    : { state: 'failed', reason: reason ?? `the health check answered ${status}` }
}

/** Engines answer `{"error":{"message":…}}`, `{"reason":…}`, `{"status":…}` or nothing. */
function reasonIn(body: string): string | null {
  try {
    const { error, reason, message, status } = Object(JSON.parse(body)) as Record<string, unknown>
    const told = Object(error)['message'] ?? error ?? reason ?? message ?? status
    return typeof told === 'string' && told !== '' ? told.slice(0, 300) : null
  } catch {
    return null
  }
}
