import type { Assignment, Node } from '../core/node.ts'
import type { LaunchPlan, StartFailure } from '../engines/engine.ts'

/** Rides along with the running thing itself, so that a restarted control can adopt it without any file. */
export interface ReplicaIdentity {
  readonly id: string
  readonly deployment: string
  /** Revision of the deployment that it was started for. */
  readonly revision: number
  /** Hash of everything that would need a new process when changed. */
  readonly specHash: string
  /** As `endpoint` gave it. */
  readonly port: number
}

export interface RunningReplica extends ReplicaIdentity {
  /** Null where it is not a process of this machine. */
  readonly pid: number | null
  /** Without a slash at the end. */
  readonly url: string
  readonly startedAtMs: number
  /** Null: not placed yet. */
  readonly node: string | null
  /** Ids of the devices it was given; empty where the runtime gives them out itself. */
  readonly devices: readonly string[]
  /** What keeps its engine from being started: `queued: no quota left`, `pulling the image: 40 %`. Null: nothing. */
  readonly waiting: string | null
}

export type RuntimeEvent =
  | ({ readonly kind: 'ended' } & EndedReplica)
  /** It is no longer there and nobody can say how it ended: deleted by another hand, or forgotten by its host. */
  | { readonly kind: 'lost'; readonly id: string; readonly reason: string }
  /** Can't be reached: what runs there may go on unseen. */
  | { readonly kind: 'node-gone'; readonly node: string; readonly reason: string }
  | { readonly kind: 'node-back'; readonly node: string }

export interface EndedReplica {
  readonly id: string
  readonly exitCode: number | null
  readonly signal: string | null
  /** Last lines of its log, for the reason a person sees. */
  readonly logTail: string
  /** Why, where the runtime knows: its image can't be pulled. Absent: the log may tell. */
  readonly failure?: StartFailure
}

/** Addresses of metrics pages that tell of others, too. */
export interface MetricsPages {
  /** Without the path. */
  readonly urls: readonly string[]
  /** What they call the engines that belong to the replica. */
  readonly replicas: ReadonlySet<string>
}

export interface LogRequest {
  readonly lines: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** Where replicas run. Every call is idempotent by replica id. */
export interface Runtime {
  readonly name: string
  /** One replica may run on several nodes together; which ones it chooses itself. Absent: it may not. */
  readonly spansNodes?: boolean
  /** Nodes that are known, those out of reach too, each with all its devices, free or not. */
  inventory(): Promise<readonly Node[]>
  /** Where an engine shall listen that is about to be started there; a port is given out once. */
  endpoint(
    at: Pick<Assignment, 'runtime' | 'node'>,
  ): Promise<{ readonly host: string; readonly port: number }>
  /**
   * A second start of a running id changes nothing. Throws `runtime/unknown-node`, `runtime/unknown-device`, or
   * `engine/failed` where it can't even begin.
   */
  start(
    identity: ReplicaIdentity,
    plan: LaunchPlan,
    assignment: Assignment,
  ): Promise<RunningReplica>
  /** SIGTERM, then SIGKILL after the grace. Resolves when it is gone. An unknown id is no error. */
  stop(id: string, graceMs: number): Promise<void>
  /** All that run for this Baleen, started by this process or by one before it. */
  list(): Promise<readonly RunningReplica[]>
  /** Tells what happens by itself, each thing once: never a stop that was asked for. */
  watch(listener: (event: RuntimeEvent) => void): void
  /** Where the engine of a replica tells its metrics. Absent: at its URL. Null: nobody knows now. */
  metricsOf?(id: string): Promise<MetricsPages | null>
  /** Log lines, oldest first; follows until the signal when asked. Throws `replica/not-found`. */
  logs(id: string, request: LogRequest): AsyncIterable<string>
  /** Lets go of sockets and timers; what runs goes on. */
  close(): Promise<void>
}
