import type { DeploymentSpec } from '../contract/deployment.ts'
import type { Clock } from '../core/clock.ts'
import { isIdle } from './policy/idle.ts'
import type { Replica } from './policy/replica.ts'
import { routeOf } from './policy/snapshot.ts'

/** Which models are asked for, and which sleep because nobody does. */
export interface Activities {
  open(route: string): void
  close(route: string): void
  /** True: something there slept. */
  wake(route: string): boolean
  isAsleep(deployment: string): boolean
  /** Lets sleep what nobody has asked for. */
  settle(
    wanted: readonly { readonly spec: DeploymentSpec; readonly rollout: object | null }[],
    replicas: readonly Replica[],
  ): void
}

export function createActivities(clock: Clock): Activities {
  const routes = new Map<string, { lastMs: number; inFlight: number }>()
  /** By deployment, the route that wakes it. */
  const asleep = new Map<string, string>()
  const seen = new Set<string>()

  const of = (route: string) => {
    const known = routes.get(route) ?? { lastMs: clock.monotonicMs(), inFlight: 0 }
    routes.set(route, known)
    return known
  }

  return {
    open(route) {
      const activity = of(route)
      activity.inFlight++
      activity.lastMs = clock.monotonicMs()
    },
    close(route) {
      const activity = of(route)
      activity.inFlight = Math.max(0, activity.inFlight - 1)
      activity.lastMs = clock.monotonicMs()
    },
    wake(route) {
      of(route).lastMs = clock.monotonicMs()
      const sleepers = [...asleep].filter(([, wakes]) => wakes === route)
      for (const [deployment] of sleepers) asleep.delete(deployment)
      return sleepers.length > 0
    },
    isAsleep: (deployment) => asleep.has(deployment),
    settle(wanted, replicas) {
      const names = new Set(wanted.map(({ spec }) => spec.name))
      for (const name of asleep.keys()) if (!names.has(name)) asleep.delete(name)
      for (const { spec, rollout } of wanted) {
        const route = routeOf(spec)
        if (!spec.scaling?.idleToZero) {
          asleep.delete(spec.name)
          continue
        }
        // One that slept when the last control ended goes on sleeping.
        const isFirstLook = !seen.has(spec.name)
        seen.add(spec.name)
        const runs = replicas.some(({ deployment }) => deployment === spec.name)
        const slept = isFirstLook && !runs && rollout === null
        if (slept || (rollout === null && isIdle(spec, of(route), clock.monotonicMs())))
          asleep.set(spec.name, route)
      }
    },
  }
}
