import type { DeploymentSpec, PreparationView } from '../contract/deployment.ts'
import type { Clock } from '../core/clock.ts'
import { toAppError } from '../core/errors.ts'
import type { Engine } from '../engines/engine.ts'
import type { Activities } from './activities.ts'
import { artefactsOf, withPaths } from '../contract/artefacts.ts'
import { launchOf, referenceOf, type Launch } from './launch.ts'
import { restartKey } from './policy/back-off.ts'
import { replicasOf } from './policy/idle.ts'
import { splitOf, type Progress } from './policy/rollout/advance.ts'
import type { DeploymentCondition } from './policy/status.ts'
import type { Preparations } from './preparation.ts'
import { checkTask, preparationViewOf, refusedView } from './preparation-view.ts'
import type { ReplicaSet } from './replica-set.ts'

/** A deployment as the store has it. */
export interface Wanted {
  readonly spec: DeploymentSpec
  readonly revision: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Null: the newest revision has taken over. */
  readonly rollout:
    | (Progress & {
        readonly from: { readonly revision: number; readonly spec: DeploymentSpec } | null
      })
    | null
}

/** A deployment and what came of it so far. */
export interface Known {
  readonly wanted: Wanted
  readonly launch: Launch | null
  /** Of the revision that serves until the newest has taken over. */
  readonly previous: Launch | null
  readonly condition: DeploymentCondition
}

/** What is wanted, with how each of it is to be started and how it is. */
export interface Conditions {
  setWanted(wanted: readonly Wanted[]): void
  wanted(): readonly Wanted[]
  look(): readonly Known[]
  /** What was looked at, with what has been done since: who runs, and for whom there was no room. */
  lookAgain(known: readonly Known[]): readonly Known[]
  specOf(name: string): DeploymentSpec | undefined
  /** Null: it can't be started now. */
  launchOf(name: string): Launch | null
  /** How a replica of that hash was started; the newest where nobody knows. Null: the deployment is gone. */
  launchWith(
    name: string,
    specHash: string,
  ): { readonly spec: DeploymentSpec; readonly probePath: string } | null
  /** Which side of a rollout a replica is on. Null: there is none. */
  sideOf(
    name: string,
    replica: string,
  ): { readonly newest: string; readonly revision: 'next' | 'prev' } | null
  setProgress(name: string, progress: string): void
}

interface Prepared {
  readonly launch: Launch | null
  /** What keeps it from being started. Null: nothing. */
  readonly preparation: PreparationView | null
}

export interface ConditionsDeps {
  /** Throws `engine/unknown`. */
  engineOf(spec: DeploymentSpec): Engine
  readonly preparations: Preparations
  /** Its replicas find files of this machine. */
  runsHere(spec: DeploymentSpec): boolean
  readonly set: ReplicaSet
  readonly activities: Pick<Activities, 'isAsleep'>
  /** By deployment: why another replica finds no place. */
  readonly noRoom: ReadonlyMap<string, string>
  readonly clock: Clock
}

const noPaths: ReadonlyMap<string, string> = new Map()

export function createConditions(deps: ConditionsDeps): Conditions {
  const { set, clock, preparations } = deps
  let wanted: readonly Wanted[] = []
  let byName = new Map<string, Wanted>()
  const progress = new Map<string, string>()
  /** Launches by spec and files: an engine is asked once, not at every look. */
  const launches = new WeakMap<
    DeploymentSpec,
    { readonly files: string; readonly launch: Launch }
  >()

  const launchAt = (spec: DeploymentSpec, path: string, others = noPaths): Launch => {
    const known = launches.get(spec)
    const files = [path, ...others.values()].join('\n')
    if (known?.files === files) return known.launch
    const launch = launchOf(deps.engineOf(spec), withPaths(spec, others), path)
    launches.set(spec, { files, launch })
    return launch
  }

  const prepared = (spec: DeploymentSpec): Prepared => {
    try {
      if (deps.engineOf(spec).takes === 'reference' || !deps.runsHere(spec))
        return { launch: launchAt(spec, referenceOf(spec.model)), preparation: null }
      const model = preparations.of(spec.model)
      const others = artefactsOf(spec).map((name) => ({ name, found: preparations.of(name) }))
      const paths = new Map<string, string>()
      for (const { name, found } of others) {
        if (found.state !== 'ready')
          return { launch: null, preparation: preparationViewOf(found, clock.monotonicMs()) }
        paths.set(name, found.path)
      }
      if (model.state !== 'ready')
        return { launch: null, preparation: preparationViewOf(model, clock.monotonicMs()) }
      checkTask(spec, model.task)
      return { launch: launchAt(spec, model.path, paths), preparation: null }
    } catch (thrown) {
      return { launch: null, preparation: refusedView(toAppError(thrown)) }
    }
  }

  const launchesOf = ({ spec, rollout }: Wanted, isAsleep: boolean) => {
    if (spec.replicas === 0 || isAsleep) return { launch: null, previous: null, preparation: null }
    const previous = rollout?.from ? prepared(rollout.from.spec).launch : null
    return { ...prepared(spec), previous }
  }

  const look = (): readonly Known[] => {
    const nowMs = clock.monotonicMs()
    return wanted.map((one): Known => {
      const { spec, revision, rollout } = one
      const isAsleep = deps.activities.isAsleep(spec.name)
      const { launch, previous, preparation } = launchesOf(one, isAsleep)
      const count = replicasOf(spec, isAsleep)
      const specHash = launch?.specHash ?? null
      const deployment = {
        name: spec.name,
        revision,
        replicas: count,
        specHash,
        loadTimeoutMs: launch?.loadTimeoutMs ?? Infinity,
        previous: previous && {
          specHash: previous.specHash,
          revision: rollout?.from?.revision ?? 0,
          replicas: rollout?.from?.spec.replicas ?? count,
        },
        isCramped: deps.noRoom.has(spec.name),
        split: launch && previous ? splitOf(spec.rollout, count, rollout) : null,
        surge: spec.rollout.surge,
        unavailable: spec.rollout.unavailable,
      }
      const condition = {
        deployment,
        replicas: set.of(spec.name),
        restarts: set.restarts.get(restartKey(spec.name, specHash ?? '')),
        preparation,
        noRoom: deps.noRoom.get(spec.name) ?? null,
        progress: rollout ? (progress.get(spec.name) ?? null) : null,
        isAsleep,
        nowMs,
      }
      return { wanted: one, launch, previous, condition }
    })
  }

  return {
    setWanted(next) {
      wanted = next
      byName = new Map(next.map((one) => [one.spec.name, one]))
      for (const name of progress.keys()) if (!byName.has(name)) progress.delete(name)
      const specs = next.flatMap(({ spec, rollout }) => [
        spec,
        ...(rollout?.from ? [rollout.from.spec] : []),
      ])
      preparations.keepOnly(specs.flatMap((spec) => [spec.model, ...artefactsOf(spec)]))
    },
    wanted: () => wanted,
    look,
    lookAgain: (known) =>
      known.map((one) => {
        const {
          condition,
          wanted: { spec },
        } = one
        const replicas = set.of(spec.name)
        const noRoom = deps.noRoom.get(spec.name) ?? null
        if (replicas === condition.replicas && noRoom === condition.noRoom) return one
        return { ...one, condition: { ...condition, replicas, noRoom } }
      }),
    specOf: (name) => byName.get(name)?.spec,
    launchOf(name) {
      const known = byName.get(name)
      return known ? launchesOf(known, false).launch : null
    },
    launchWith(name, specHash) {
      const known = byName.get(name)
      if (!known) return null
      const specs = [known.spec, ...(known.rollout?.from ? [known.rollout.from.spec] : [])]
      const spec = specs.find((one) => prepared(one).launch?.specHash === specHash) ?? known.spec
      // The path does not depend on the model, which may still be in the making after a restart.
      const launch = prepared(spec).launch ?? launchOf(deps.engineOf(spec), spec, '')
      return { spec, probePath: launch.probePath }
    },
    sideOf(name, id) {
      const known = byName.get(name)
      const specHash = set.hashOf(id)
      if (!known?.rollout?.from || specHash === null) return null
      const newest = prepared(known.spec).launch?.specHash
      const previous = prepared(known.rollout.from.spec).launch?.specHash
      if (newest === undefined || newest === previous) return null
      if (specHash === newest) return { newest, revision: 'next' }
      return specHash === previous ? { newest, revision: 'prev' } : null
    },
    setProgress: (name, text) => void progress.set(name, text),
  }
}
