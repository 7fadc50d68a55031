import type { DeploymentSpec } from '../contract/deployment.ts'
import type { Clock } from '../core/clock.ts'
import { adapterNamesOf } from './policy/adapters.ts'
import { isIdle, type Activity } from './policy/idle.ts'
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
  /** By deployment, the routes that wake it. */
  const asleep = new Map<string, readonly string[]>()
  const seen = new Set<string>()

  const of = (route: string) => {
    const known = routes.get(route) ?? { lastMs: clock.monotonicMs(), inFlight: 0 }
    routes.set(route, known)
    return known
  }
  const ofAll = (names: readonly string[]): Activity => {
    const all = names.map(of)
    return {
      lastMs: Math.max(...all.map(({ lastMs }) => lastMs)),
      inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
    }
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
      const sleepers = [...asleep].filter(([, wakes]) => wakes.includes(route))
      for (const [deployment] of sleepers) asleep.delete(deployment)
      return sleepers.length > 0
    },
    isAsleep: (deployment) => asleep.has(deployment),
    settle(wanted, replicas) {
      const wantedNames = new Set(wanted.map(({ spec }) => spec.name))
      for (const name of asleep.keys()) if (!wantedNames.has(name)) asleep.delete(name)
      for (const { spec, rollout } of wanted) {
        if (!spec.scaling?.idleToZero) {
          asleep.delete(spec.name)
          continue
        }
        const names = [routeOf(spec), ...adapterNamesOf(spec)]
        // One that slept when the last control ended goes on sleeping.
        const isFirstLook = !seen.has(spec.name)
        seen.add(spec.name)
        const runs = replicas.some(({ deployment }) => deployment === spec.name)
        const slept = isFirstLook && !runs && rollout === null
        if (slept || (rollout === null && isIdle(spec, ofAll(names), clock.monotonicMs())))
          asleep.set(spec.name, names)
      }
    },
  }
}
