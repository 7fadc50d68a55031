import type { LaunchPlan } from '../engines/engine.ts'

/** Rides along with the running thing itself, so that a restarted control can adopt it without any file. */
export interface ReplicaIdentity {
  readonly id: string
  readonly deployment: string
  /** Revision of the deployment that it was started for. */
  readonly revision: number
  /** Hash of everything that would need a new process when changed. */
  readonly specHash: string
  readonly port: number
}

export interface RunningReplica extends ReplicaIdentity {
  readonly pid: number
  readonly url: string
  readonly startedAtMs: number
}

export interface EndedReplica {
  readonly id: string
  readonly exitCode: number | null
  readonly signal: string | null
  /** Last lines of its log, for the reason a person sees. */
  readonly logTail: string
}

/** Where replicas run. Every call is idempotent by replica id. */
export interface Runtime {
  readonly name: string
  /** A second start of a running id changes nothing. */
  start(identity: ReplicaIdentity, plan: LaunchPlan): Promise<RunningReplica>
  /** SIGTERM, then SIGKILL after the grace. Resolves when it is gone. An unknown id is no error. */
  stop(id: string, graceMs: number): Promise<void>
  /** All that run for this data directory, started by this process or by one before it. */
  list(): Promise<readonly RunningReplica[]>
  /** Called once for each replica that ends by itself. */
  onEnd(listener: (ended: EndedReplica) => void): void
  /** Log lines, oldest first; follows until the signal when asked. */
  logs(
    id: string,
    options: { lines: number; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<string>
  freePort(): Promise<number>
}
