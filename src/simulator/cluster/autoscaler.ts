/** What an autoscaler sees of one pool. Rates and shares are since its last decision. */
export interface PoolFrame {
  readonly nowMs: number
  readonly pool: string
  readonly ready: number
  readonly starting: number
  readonly draining: number
  readonly running: number
  readonly waiting: number
  /** Requests that the gateway holds, because no replica is ready. */
  readonly held: number
  /** How long nothing has been asked of the pool; 0 while there is anything to do. */
  readonly idleMs: number
  /** Mean over the ready replicas, 0 to 1. */
  readonly kvUsage: number
  readonly arrivalsPerS: number
  readonly tokensPerS: number
  /** Share of the time that ready replicas were in a step. */
  readonly utilisation: number
  /** Of those that got their first token since the last decision; null: nobody did. */
  readonly ttftMsP95: number | null
  /** Of those that ended since the last decision; null: nobody did. */
  readonly tpotMsP95: number | null
}

export interface ScalingDecision {
  /** Wanted: ready and starting together. */
  readonly replicas: number
  readonly reason: string
}

/** A decision that changed something, as a run tells of it. */
export interface ScalingChange extends ScalingDecision {
  readonly atMs: number
  readonly pool: string
  /** Ready and starting before it. */
  readonly from: number
}

/** The port that an autoscaler's policy is plugged into: a function of frames, handed in with a pool's setup. */
export interface Autoscaler {
  readonly intervalMs: number
  decide(frame: PoolFrame): ScalingDecision
}
