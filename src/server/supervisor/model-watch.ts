import { readFileSync } from 'node:fs'
import type { Snapshot } from '../../contract/snapshot.ts'

/** How a route is, as its clients will find it. */
export interface RouteState {
  readonly route: string
  readonly isReady: boolean
  /** "ready, 2 replicas", or why it is not: "loading the model, 40 %". */
  readonly text: string
}

const lookEveryMs = 500

/** Null: there is none yet. */
export function readSnapshot(path: string): Snapshot | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Snapshot
  } catch {
    return null
  }
}

const statesOf = ({ routes }: Snapshot): readonly RouteState[] =>
  routes.map(({ name: route, targets }) => {
    const replicas = targets.flatMap((target) => target.replicas).length
    const [first] = targets
    return replicas > 0
      ? { route, isReady: true, text: replicas === 1 ? 'ready' : `ready, ${replicas} replicas` }
      : { route, isReady: false, text: first?.reason ?? 'nothing is deployed for it' }
  })

/** Tells how each route comes up, from the file that the gateways read; ends once all are ready. */
export function watchModels(path: string, tell: (state: RouteState) => void): { end(): void } {
  const told = new Map<string, string>()
  const look = () => {
    const snapshot = readSnapshot(path)
    if (!snapshot) return
    const states = statesOf(snapshot)
    for (const state of states) {
      if (told.get(state.route) !== state.text) tell(state)
      told.set(state.route, state.text)
    }
    if (states.every(({ isReady }) => isReady)) clearInterval(timer)
  }
  const timer = setInterval(look, lookEveryMs)
  look()
  return { end: () => clearInterval(timer) }
}
