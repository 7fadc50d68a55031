/**
 * What a gateway knows of the world: written whole by control to `run/snapshot.json` (a temporary file, then a
 * rename), read by every gateway. It outlives control. Trusted, so it has types and no schema.
 */
export interface Snapshot {
  /** Counts up; a gateway ignores one that is not newer. */
  readonly version: number
  readonly createdAtMs: number
  readonly keys: readonly SnapshotKey[]
  readonly routes: readonly SnapshotRoute[]
  /** Replicas on nodes that can't be reached: what waits for them there will wait for ever. */
  readonly lost?: readonly string[]
  /** Replicas that ended without being told to, a moment ago. Where their node is gone no connection tells of it. */
  readonly ended?: readonly string[]
}

export interface SnapshotKey {
  readonly id: string
  /** SHA-256 of the whole key, hex. The key itself is nowhere. */
  readonly hash: string
  readonly name: string
  /** Null: every route. */
  readonly routes: readonly string[] | null
  /** Null: no limit. */
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly expiresAtMs: number | null
}

export interface SnapshotRoute {
  /** The public model name. */
  readonly name: string
  readonly task: 'generate' | 'embed'
  /** Seconds since 1970, for `/v1/models`. */
  readonly createdS: number
  readonly targets: readonly SnapshotTarget[]
  /** A request that finds nothing ready here makes it start. Then it may wait so long, instead of as the config says. */
  readonly wakeMs?: number | null
}

export interface SnapshotTarget {
  readonly deployment: string
  readonly weight: number
  /** Requests that go here, whatever the weight says. */
  readonly cohort?: SnapshotCohort | null
  /** Only those a request may go to. A draining replica is not listed. */
  readonly replicas: readonly SnapshotReplica[]
  /** Who reads the prompts of what its replicas answer. Absent: they do it themselves. */
  readonly prefill?: SnapshotPrefill
  /** Why none is ready, for the 503: "loading the model". */
  readonly reason: string
}

/** Replicas that read prompts for those of a target, and how both are spoken to (`engines/pairings.ts`). */
export interface SnapshotPrefill {
  readonly protocol: string
  readonly groups: readonly {
    readonly deployment: string
    readonly weight: number
    readonly replicas: readonly SnapshotReplica[]
  }[]
  /** Why none is ready. */
  readonly reason: string
}

export interface SnapshotCohort {
  /** Ids or names. */
  readonly keys: readonly string[]
  /** Lower case. No values: whatever it says. */
  readonly header: { readonly name: string; readonly values: readonly string[] } | null
  /** Share of the users, 0 to 1. */
  readonly users: number
}

export interface SnapshotReplica {
  readonly id: string
  /** `http://127.0.0.1:40123` */
  readonly url: string
  /** Model name to send upstream; null: as the client wrote it. */
  readonly servedName: string | null
}
