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
}

export interface SnapshotTarget {
  readonly deployment: string
  readonly weight: number
  /** Only those a request may go to. A draining replica is not listed. */
  readonly replicas: readonly SnapshotReplica[]
  /** Why none is ready, for the 503: "loading the model". */
  readonly reason: string
}

export interface SnapshotReplica {
  readonly id: string
  /** `http://127.0.0.1:40123` */
  readonly url: string
  /** Model name to send upstream; null: as the client wrote it. */
  readonly servedName: string | null
}
