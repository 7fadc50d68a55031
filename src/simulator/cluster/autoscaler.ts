/** What an autoscaler sees of one pool. Rates and shares are since its last decision. */
export interface PoolFrame {
  readonly nowMs: number
  readonly pool: string
  readonly ready: number
  readonly starting: number
  readonly draining: number
  readonly running: number
  readonly waiting: number
  /** Mean over the ready replicas, 0 to 1. */
  readonly kvUsage: number
  readonly arrivalsPerS: number
  readonly tokensPerS: number
  /** Share of the time that ready replicas were in a step. */
  readonly utilisation: number
}

export interface ScalingDecision {
  /** Wanted: ready and starting together. */
  readonly replicas: number
  readonly reason: string
}

/** The port that an autoscaler's policy is plugged into: a function of frames, handed in with a pool's setup. */
export interface Autoscaler {
  readonly intervalMs: number
  decide(frame: PoolFrame): ScalingDecision
}
