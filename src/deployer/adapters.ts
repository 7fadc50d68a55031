import type { DeploymentSpec } from '../contract/deployment.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Engine, EngineCall } from '../engines/engine.ts'
import type { Known } from './conditions.ts'
import { takenAdapters, type TakenAdapters } from './launch.ts'
import {
  nextStep,
  offeredAdapters,
  type AdaptedRevision,
  type AdapterStep,
  type OfferedAdapters,
} from './policy/adapters.ts'
import { isReady, type Replica } from './policy/replica.ts'
import { routeOf } from './policy/snapshot.ts'

/** Tells an engine something. Null: done; else why not. */
export type CallEngine = (url: string, call: EngineCall) => Promise<string | null>

/** Adapters that replicas take and let go while they run, and what clients may name of all there are. */
export interface Adapters {
  /** Has those that are ready take what is wanted of them, one after another. */
  settle(known: readonly Known[]): void
  offered(known: Known): OfferedAdapters
  /** Why some can't be had, for a person. */
  troublesOf(known: Known): readonly string[]
}

export interface AdaptersDeps {
  /** Throws `engine/unknown`. */
  engineOf(spec: DeploymentSpec): Pick<Engine, 'adapters'>
  readonly callEngine: CallEngine
  readonly clock: Clock
  readonly log: Log
  onChange(): void
}

/** What is known of one replica. */
interface Taking {
  /** Name → path. */
  readonly taken: Map<string, string>
  isBusy: boolean
  dueAtMs: number
  trouble: string | null
}

/** What an engine refuses it refuses again, unless somebody mends it. */
const againMs = 15_000

export function createAdapters(deps: AdaptersDeps): Adapters {
  const { clock, log } = deps
  const takings = new Map<string, Taking>()

  const dialectOf = (spec: DeploymentSpec): Pick<Engine, 'adapters'> => {
    // Most have none, and the engine need not be asked.
    if (spec.settings.lora.adapters.length === 0 && spec.settings.lora.dynamic !== 'on') return {}
    try {
      return deps.engineOf(spec)
    } catch {
      return {}
    }
  }
  const takingOf = (id: string): Taking => {
    const known = takings.get(id) ?? { taken: new Map(), isBusy: false, dueAtMs: 0, trouble: null }
    takings.set(id, known)
    return known
  }
  const revisionOf = (spec: DeploymentSpec, specHash: string | null): AdaptedRevision => {
    const engine = dialectOf(spec)
    const { adapters } = engine
    return {
      spec,
      specHash,
      nameOf: adapters ? (name) => adapters.nameOf(routeOf(spec), name) : null,
      areTaken: takenAdapters(engine, spec) !== null,
    }
  }

  const tell = async (
    { id, url }: Replica,
    taking: Taking,
    step: AdapterStep,
    call: EngineCall,
  ): Promise<void> => {
    taking.isBusy = true
    const name = step.kind === 'load' ? step.adapter.name : step.name
    const fault = await deps.callEngine(url, call)
    taking.isBusy = false
    // A new control does not know what one that runs has taken before.
    const isDone = fault === null || isAsWanted(step, fault)
    if (isDone && step.kind === 'load') taking.taken.set(name, step.adapter.path)
    if (isDone && step.kind === 'unload') taking.taken.delete(name)
    const trouble = isDone ? null : `the adapter ${name} can not be ${step.kind}ed: ${fault}`
    if (trouble !== null) taking.dueAtMs = clock.monotonicMs() + againMs
    if (trouble !== null && trouble !== taking.trouble) log.warn({ replica: id }, trouble)
    taking.trouble = trouble
    deps.onChange()
  }

  return {
    settle(known) {
      const ready = new Set<string>()
      for (const { launch, condition } of known) {
        const adapters = launch?.adapters ?? null
        for (const replica of condition.replicas) {
          if (!isReady(replica)) continue
          ready.add(replica.id)
          const isNewest = replica.specHash === condition.deployment.specHash
          if (!adapters || !isNewest) continue
          const taking = takingOf(replica.id)
          const step = nextStep(adapters.wanted, taking.taken)
          if (step && !taking.isBusy && taking.dueAtMs <= clock.monotonicMs())
            void tell(replica, taking, step, callOf(step, adapters.calls))
        }
      }
      // One that comes back may have been started anew.
      for (const id of takings.keys()) if (!ready.has(id)) takings.delete(id)
    },
    offered({ wanted: { spec, rollout }, condition: { deployment } }) {
      const previous = rollout?.from?.spec
      return offeredAdapters(
        revisionOf(spec, deployment.specHash),
        previous ? revisionOf(previous, deployment.previous?.specHash ?? null) : null,
        (id, name) => takings.get(id)?.taken.has(name) === true,
      )
    },
    troublesOf: ({ condition }) => [
      ...new Set(condition.replicas.flatMap(({ id }) => takings.get(id)?.trouble ?? [])),
    ],
  }
}

const callOf = (step: AdapterStep, calls: TakenAdapters['calls']): EngineCall =>
  step.kind === 'load' ? calls.load(step.adapter.name, step.adapter.path) : calls.unload(step.name)

/** It has it already, or never had it. */
const isAsWanted = ({ kind }: AdapterStep, fault: string): boolean =>
  kind === 'load' ? /already (been )?loaded/i.test(fault) : /not (be )?found/i.test(fault)

const callTimeoutMs = 60_000

export const callEngineOverHttp: CallEngine = async (url, { path, body }) => {
  try {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(callTimeoutMs),
    })
    const text = await response.text()
    return response.ok ? null : `status ${response.status}: ${text.slice(0, 300)}`
  } catch (thrown) {
    return (thrown as Error).message
  }
}
