import type { PlacementSpec } from '../../../contract/placement.ts'
import { parseHardware } from '../../../contract/placement.ts'
import { runtimesOf, type DeploymentSpec } from '../../../contract/deployment.ts'
import { parseBytes } from '../../../core/units.ts'
import type { PlaceDevice, PlaceNode, Share } from './node.ts'

/** A replica that has to find its place. */
export interface Demand {
  readonly replica: string
  readonly deployment: string
  readonly priority: number
  /** Lower case. Null: any device, or none where `count` is 0. */
  readonly accelerator: string | null
  readonly count: number
  /** Its engine only plays the hardware. */
  readonly isPlayed?: boolean
  readonly share: Share | null
  readonly rules: PlacementSpec
}

export function demandOf(spec: DeploymentSpec, replica: string): Demand {
  const { name, priority, placement } = spec
  const hardware = spec.hardware === undefined ? null : parseHardware(spec.hardware)
  return {
    replica,
    deployment: name,
    priority,
    accelerator: hardware?.accelerator.toLowerCase() ?? null,
    count: hardware?.count ?? 0,
    share: shareOf(spec),
    rules: { ...placement, clusters: [...runtimesOf(spec)] },
  }
}

/** What it takes of each of its devices. Null: all, or it has none. */
export function shareOf({ hardware, placement: { share } }: DeploymentSpec): Share | null {
  if (hardware === undefined || !share) return null
  return { memoryBytes: parseBytes(share.memory), compute: share.compute }
}

/** Why the node is out of the question, whatever is free there. Null: it is not. */
export function objection(demand: Demand, node: PlaceNode): string | null {
  const { rules } = demand
  if (node.closedReason !== null) return node.closedReason
  if (rules.clusters.length > 0 && !rules.clusters.includes(node.cluster))
    return `in ${node.cluster}, wanted ${rules.clusters.join(' or ')}`
  for (const [key, value] of Object.entries(rules.labels))
    if (node.labels[key] !== value) return `label ${key} is not ${value}`
  const taint = node.taints.find((one) => !isTolerated(one, rules.tolerates))
  if (taint !== undefined) return `taint ${taint} is not tolerated`
  if (node.isSpot && !rules.spot) return 'a spot machine'
  return null
}

/** Whether the device is of the kind that is asked for, whoever has it now. */
export function suits(demand: Demand, device: PlaceDevice): boolean {
  const { accelerator, share, rules, isPlayed = false } = demand
  if ((device.isPlayed ?? false) !== isPlayed) return false
  if (accelerator !== null && !device.names.includes(accelerator)) return false
  if (share && device.memoryBytes < share.memoryBytes) return false
  return rules.priceMax === null || (device.priceUsdH ?? 0) <= rules.priceMax
}

const isTolerated = (taint: string, tolerates: readonly string[]): boolean =>
  tolerates.includes(taint) || tolerates.includes(taint.split('=')[0] ?? taint)
