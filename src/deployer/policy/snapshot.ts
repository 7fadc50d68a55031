import type { DeploymentSpec } from '../../contract/deployment.ts'
import type {
  SnapshotKey,
  SnapshotPrefill,
  SnapshotReplica,
  SnapshotRoute,
  SnapshotTarget,
} from '../../contract/snapshot.ts'
import type { OfferedAdapters } from './adapters.ts'
import { isReady, type Replica } from './replica.ts'
import { unreadyReason, type DeploymentCondition } from './status.ts'

export interface RoutedDeployment {
  readonly spec: DeploymentSpec
  readonly createdAtMs: number
  readonly condition: DeploymentCondition
  /** Of a model that sleeps or could: how long a request may wait for it. Null: as the config says. */
  readonly wakeMs: number | null
  /** How replicas are paired, by the hash of what they run. Absent: they answer alone. */
  readonly pairs?: ReadonlyMap<string, PairFacts>
  /** Absent: it has none. */
  readonly adapters?: OfferedAdapters
}

export interface PairFacts {
  readonly role: 'prefill' | 'decode'
  /** As in `engines/pairings.ts`. */
  readonly protocol: string
  /** Only those for which it is the same understand each other's caches. */
  readonly alike: string
}

export const routeOf = (spec: DeploymentSpec): string => spec.route ?? spec.name

/**
 * Routes in the order in which their first deployment was made; those whose deployments disagree keep its task. Then
 * those of adapters, which clients name as the model.
 */
export function snapshotRoutes(deployments: readonly RoutedDeployment[]): readonly SnapshotRoute[] {
  const models = Map.groupBy(deployments, ({ spec }) => routeOf(spec))
  return [
    ...[...models].map(([name, all]) => toRoute(name, all, null)),
    ...[...adaptedBy(deployments)].flatMap(([name, all]) =>
      models.has(name) ? [] : [toRoute(name, all, name)],
    ),
  ]
}

/** Adapters of one name belong together where their deployments share a route; others would answer as another model. */
function adaptedBy(
  deployments: readonly RoutedDeployment[],
): ReadonlyMap<string, RoutedDeployment[]> {
  const found = new Map<string, RoutedDeployment[]>()
  for (const deployment of deployments)
    for (const name of deployment.adapters?.names ?? []) {
      const [first, ...others] = found.get(name) ?? []
      if (!first) found.set(name, [deployment])
      else if (routeOf(first.spec) === routeOf(deployment.spec))
        found.set(name, [first, ...others, deployment])
    }
  return found
}

/** `adapter` null: the model itself. */
function toRoute(
  name: string,
  all: readonly RoutedDeployment[],
  adapter: string | null,
): SnapshotRoute {
  const task = all[0]?.spec.task ?? 'generate'
  const readers = all.filter(({ spec }) => spec.settings.role === 'prefill')
  // What only reads prompts has no answers for clients: it is asked beside one that has.
  const answering = all.filter((one) => !readers.includes(one))
  return {
    name,
    task,
    createdS: Math.floor((all[0]?.createdAtMs ?? 0) / 1000),
    targets: (answering.length > 0 ? answering : readers)
      .filter(({ spec }) => spec.task === task)
      .flatMap((one) => targetsOf(one, readers, adapter)),
    ...wakeOf(all),
  }
}

/** Only what a gateway needs to know of a key. */
export const snapshotKey = (key: SnapshotKey): SnapshotKey => ({
  id: key.id,
  hash: key.hash,
  name: key.name,
  routes: key.routes,
  requestsPerMinute: key.requestsPerMinute,
  tokensPerMinute: key.tokensPerMinute,
  expiresAtMs: key.expiresAtMs,
})

const wakeOf = (all: readonly RoutedDeployment[]): { wakeMs?: number } => {
  const waits = all.flatMap(({ wakeMs }) => (wakeMs === null ? [] : [wakeMs]))
  return waits.length === 0 ? {} : { wakeMs: Math.max(...waits) }
}

function targetsOf(
  deployment: RoutedDeployment,
  readers: readonly RoutedDeployment[],
  adapter: string | null,
): SnapshotTarget[] {
  const { spec, condition } = deployment
  const reason = unreadyReason(condition)
  const base = { deployment: spec.name, reason }
  if (spec.settings.role === 'prefill') return [{ ...base, weight: spec.weight, replicas: [] }]
  return partsOf(deployment, adapter).flatMap(({ replicas, ...part }) => {
    const byPair = Map.groupBy(replicas, ({ specHash }) => deployment.pairs?.get(specHash) ?? null)
    if (byPair.size === 0) return [{ ...base, ...part, replicas: [] }]
    return [...byPair].map(([pair, some]) => ({
      ...base,
      ...part,
      weight: part.weight * (some.length / replicas.length),
      replicas: some.map((one) => toSnapshot(one, deployment, adapter)),
      ...(pair?.role === 'decode' ? { prefill: prefillOf(pair, readers, adapter) } : {}),
    }))
  })
}

/** Those of the route that read prompts in such a way that this one can go on. */
function prefillOf(
  pair: PairFacts,
  readers: readonly RoutedDeployment[],
  adapter: string | null,
): SnapshotPrefill {
  const [first] = readers
  return {
    protocol: pair.protocol,
    groups: readers.flatMap((reader) =>
      partsOf(reader, adapter).flatMap(({ weight, replicas }) => {
        const alike = replicas.filter(({ specHash }) => {
          const own = reader.pairs?.get(specHash)
          return own?.protocol === pair.protocol && own.alike === pair.alike
        })
        if (alike.length === 0) return []
        const told = alike.map((one) => toSnapshot(one, reader, adapter))
        return [{ deployment: reader.spec.name, weight, replicas: told }]
      }),
    ),
    reason: first ? unreadyReason(first.condition) : 'no deployment of it has the role prefill',
  }
}

interface Part extends Pick<SnapshotTarget, 'weight' | 'cohort'> {
  readonly replicas: readonly Replica[]
}

/** What is ready: one part, or two while a step gives the new revision its share. */
function partsOf({ spec, condition, adapters }: RoutedDeployment, adapter: string | null): Part[] {
  const { deployment } = condition
  const ready = condition.replicas.filter(
    (one) =>
      isReady(one) && (adapter === null || typeof adapters?.servedName(adapter, one) === 'string'),
  )
  const split = deployment.split ?? null
  const next = ready.filter(({ specHash }) => specHash === deployment.specHash)
  if (split === null || split.share === null || next.length === 0)
    return [{ weight: spec.weight, replicas: ready }]
  const before = ready.filter((replica) => !next.includes(replica))
  const { cohort } = spec.rollout
  return [
    {
      weight: spec.weight * split.share,
      replicas: next,
      ...(cohort && split.isCohortOn ? { cohort } : {}),
    },
    { weight: spec.weight * (1 - split.share), replicas: before },
  ]
}

const toSnapshot = (
  replica: Replica,
  { adapters }: RoutedDeployment,
  adapter: string | null,
): SnapshotReplica => ({
  id: replica.id,
  url: replica.url,
  servedName: adapter === null ? null : (adapters?.servedName(adapter, replica) ?? null),
})
