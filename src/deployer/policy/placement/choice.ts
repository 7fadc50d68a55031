import type { Fit } from './fit.ts'
import type { NodeUse } from './occupancy.ts'

/** A place that was found, and how it compared. */
export interface Choice {
  readonly use: NodeUse
  readonly fit: Fit
  /** USD an hour, wishes included. */
  readonly cost: number
  /** Nodes that would have done, this one too. */
  readonly alternatives: number
}
