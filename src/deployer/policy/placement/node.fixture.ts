import type { PlaceDevice, PlaceNode } from './node.ts'

/** A node of this machine with so many devices, open to everybody, or as changed. `device`: the one at an index. */
export function openNode(
  name: string,
  count: number,
  device: (at: number) => PlaceDevice,
  change: Partial<PlaceNode> = {},
): PlaceNode {
  return {
    name,
    cluster: 'process',
    zone: 'a',
    labels: {},
    taints: [],
    isSpot: false,
    closedReason: null,
    devices: Array.from({ length: count }, (_, at) => device(at)),
    ...change,
  }
}
