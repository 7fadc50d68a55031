import type { Demand } from './demand.ts'
import type { Fit } from './fit.ts'
import type { Claim } from './node.ts'
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

export const claimOf = (demand: Demand, { use, fit }: Pick<Choice, 'use' | 'fit'>): Claim => ({
  replica: demand.replica,
  deployment: demand.deployment,
  priority: demand.priority,
  node: use.node.name,
  devices: fit.devices.map(({ device }) => device.id),
  share: demand.share,
})
