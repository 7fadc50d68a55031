import type { SnapshotRoute } from '../contract/snapshot.ts'
import { toAppError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Adapters } from './adapters.ts'
import type { Known } from './conditions.ts'
import { wakeMsOf } from './policy/idle.ts'
import { snapshotRoutes } from './policy/snapshot.ts'
import type { ReplicaSet } from './replica-set.ts'

/** Tells the gateways which replicas serve what. */
export type Publication = (known: readonly Known[]) => void

export function createPublication(deps: {
  readonly set: Pick<ReplicaSet, 'all' | 'crashedLately'>
  readonly log: Log
  readonly adapters: Pick<Adapters, 'offered'>
  /** May throw: it is called again. */
  publish(routes: readonly SnapshotRoute[], lost: readonly string[], ended: readonly string[]): void
}): Publication {
  const { set, log } = deps
  let trouble: string | null = null

  return (known) => {
    const routed = known.map((one) => ({
      spec: one.wanted.spec,
      createdAtMs: one.wanted.createdAtMs,
      condition: one.condition,
      wakeMs: wakeMsOf(one.wanted.spec),
      adapters: deps.adapters.offered(one),
      pairs: new Map(
        [one.previous, one.launch].flatMap((launch) =>
          launch?.pair ? [[launch.specHash, launch.pair] as const] : [],
        ),
      ),
    }))
    const lost = set.all().flatMap(({ phase, id }) => (phase === 'lost' ? id : []))
    try {
      deps.publish(snapshotRoutes(routed), lost, set.crashedLately())
      if (trouble !== null) log.info({}, 'the snapshot is written again')
      trouble = null
    } catch (thrown) {
      const { message } = toAppError(thrown)
      if (message !== trouble) log.error({}, `the snapshot can't be written: ${message}`)
      trouble = message
    }
  }
}
