import { createHash } from 'node:crypto'
import { sameValue } from '../core/same-value.ts'
import type { DeploymentSpec } from '../contract/deployment.ts'
import { placementSpec } from '../contract/placement.ts'
import type { AdapterDialect, Engine, LaunchPlan } from '../engines/engine.ts'
import { planOf } from './plan-of.ts'
import type { PairFacts } from './policy/snapshot.ts'
import type { Adapter } from './policy/adapters.ts'

/** How one replica of a deployment is run, as far as it is the same for all of them. */
export interface Launch {
  readonly specHash: string
  readonly loadTimeoutMs: number
  readonly drainMs: number
  readonly probePath: string
  /** False: its engine computes on no device, whatever hardware the spec names. */
  readonly usesDevices: boolean
  /** How it is paired with others. Null: it answers requests alone. */
  readonly pair: PairFacts | null
  /** Adapters that a replica takes once it runs. Null: they come with its start. */
  readonly adapters: TakenAdapters | null
  /** What of the spec its engine can't honour. */
  readonly warnings: readonly string[]
  /** The same with whose accelerators it gets, `cpu` where there are none. */
  warningsOn(vendor: string): readonly string[]
  plan(id: string, at: Endpoint): LaunchPlan
}

export interface TakenAdapters {
  readonly wanted: readonly Adapter[]
  readonly calls: NonNullable<AdapterDialect['calls']>
}

/** Where it shall listen, and on whose devices it runs. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  /** As in `ReplicaSpec`. */
  readonly vendor?: string
}

const nowhere: Endpoint = { host: '127.0.0.1', port: 0 }
const anyPlacement = placementSpec.parse({})

/** What engines that fetch models themselves call a model: `hf:ORG/REPO` is `ORG/REPO` to them. */
export const referenceOf = (model: string): string => model.replace(/^hf:/, '')

function pairOf(engine: Engine, spec: DeploymentSpec): PairFacts | null {
  const { role, weightPrecision, kvPrecision, kvTransfer } = spec.settings
  const protocol = role === 'both' ? null : (engine.pairing?.(spec)?.protocol ?? null)
  if (role === 'both' || protocol === null) return null
  const alike = [spec.engine, spec.model, weightPrecision, kvPrecision, kvTransfer]
  return { role, protocol, alike: JSON.stringify(alike) }
}

/** Engines that work apart need somebody who hands requests and caches from one to the other. */
const aboutRole = (engine: Engine, spec: DeploymentSpec): string[] => {
  const { role, kvTransfer } = spec.settings
  if (role === 'both' || engine.pairing?.(spec) !== null) return []
  const rest = role === 'prefill' ? ' and sends this one nothing' : ''
  return [
    `role: the gateway does not pair replicas of ${engine.name} that hand caches over by ${kvTransfer}${rest}; leave kvTransfer out, or put a router of ${engine.name} in front`,
  ]
}

/**
 * Asks the engine. The hash is of what it would start, so that exactly the changes that need a new process cause one:
 * how many replicas run and their share of the traffic don't. Other devices or other places need one, too.
 */
export function launchOf(engine: Engine, spec: DeploymentSpec, modelPath: string): Launch {
  const deployment = { ...spec, replicas: 1, weight: 1 }
  const plan = (id: string, at: Endpoint): LaunchPlan =>
    planOf(engine, { id, deployment, modelPath, ...at })
  const first = plan('', nowhere)
  const { argv, env, secrets, files, image, url, probes, drain, devices, warnings, worker } = first
  const { hardware, placement, runtime } = spec
  const isAnywhere = sameValue(placement, anyPlacement) && runtime === 'process'
  const place = hardware === undefined && isAnywhere ? [] : [hardware, runtime, placement]
  const others = worker === null ? [] : [worker.argv, worker.env]
  const started = JSON.stringify([argv, env, secrets, files, image, url, ...place, ...others])
  return {
    specHash: createHash('sha256').update(started).digest('hex').slice(0, 16),
    loadTimeoutMs: probes.startup.loadTimeoutMs,
    drainMs: drain.graceMs,
    probePath: probes.readiness.path,
    usesDevices: devices.count !== 0,
    pair: pairOf(engine, spec),
    adapters: takenAdapters(engine, deployment),
    warnings: [...warnings, ...aboutRole(engine, spec)],
    warningsOn: (vendor) => [
      ...plan('', { ...nowhere, vendor }).warnings,
      ...aboutRole(engine, spec),
    ],
    plan,
  }
}

export function takenAdapters(
  { adapters }: Pick<Engine, 'adapters'>,
  { settings: { lora } }: DeploymentSpec,
): TakenAdapters | null {
  if (lora.dynamic !== 'on' || !adapters?.calls) return null
  return { wanted: lora.adapters, calls: adapters.calls }
}
