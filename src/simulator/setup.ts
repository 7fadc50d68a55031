import type { Policy } from '../gateway/policy/policy.ts'
import type { Autoscaler } from './cluster/autoscaler.ts'
import type { EngineParameters } from './engine/parameters.ts'
import type { StepTime } from './engine/step-load.ts'
import type { EventSink } from './event-log.ts'
import type { Workload } from './workload.ts'

/** All that a run depends on: the same setup gives the same result, to the byte of its event log. */
export interface SimulationSetup {
  readonly seed: number
  readonly pools: readonly PoolSetup[]
  readonly workload: Workload
  /** Tokens that one of a request's `blockHashes` stands for. Default 16. */
  readonly hashTokens?: number
  /** Requests in flight at most; who comes beyond that waits at the client, and its clock starts when it is sent. */
  readonly concurrencyMax?: number
  /** Time at which the run is cut off; requests that are open then stay so. */
  readonly endMs?: number
  /** Autoscalers and the timeline go on until then at least, whatever is left to do. Default 0. */
  readonly watchMs?: number
  /** The gateway's choice of replica. Default: the production policy. */
  readonly policy?: Policy
  /** Gateway processes; each counts only its own requests. Default 1. */
  readonly gateways?: number
  /** How long a request may wait for a ready replica. Default 60 s. */
  readonly holdTimeoutMs?: number
  readonly faults?: readonly Fault[]
  readonly log?: EventSink
  /** Distance of the timeline's points. Default: none are taken. */
  readonly sampleMs?: number
}

/** Replicas of one deployment. */
export interface PoolSetup {
  readonly name: string
  readonly engine: EngineParameters
  readonly stepTime: StepTime
  readonly replicas: number
  /** Share of the route's traffic against its other pools. Default 1. */
  readonly weight?: number
  /** Data-parallel attention ranks in one replica. Default 1. */
  readonly ranks?: number
  /** From the start of a replica until it is ready; those of the beginning are ready at once. Default 0. */
  readonly startMs?: number
  /** Default: a replica does all of a request. */
  readonly role?: 'both' | 'prefill' | 'decode'
  /** How long the KV of a prompt takes from a `prefill` replica to a `decode` one. Default 0. */
  readonly transferMs?: (promptTokens: number) => number
  readonly autoscaler?: Autoscaler
}

export type Fault =
  /** The replica is gone; after a while another one starts in its place. */
  | {
      readonly kind: 'crash'
      readonly atMs: number
      readonly replica: number
      readonly restartMs: number | null
    }
  /** Steps take `factor` times as long. */
  | {
      readonly kind: 'slow'
      readonly atMs: number
      readonly replica: number
      readonly factor: number
      readonly forMs: number
    }
