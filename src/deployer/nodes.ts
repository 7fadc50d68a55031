import type { Clock } from '../core/clock.ts'
import { isInUse, playedVendor, type Device } from '../core/device.ts'
import { toAppError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { AcceleratorRequest, Node } from '../core/node.ts'
import { formatDurationMs } from '../core/units.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { afterLoss, mistrustedMs, type Flapping } from './policy/flapping.ts'
import type { PlaceNode } from './policy/placement/node.ts'

/** The nodes of all runtimes as placement needs them: what they have, and why nothing may start there. */
export interface Nodes {
  /** Asks the runtimes again. What can't be asked stays as it was. */
  refresh(): Promise<void>
  noteGone(node: string, reason: string): void
  noteBack(node: string): void
  setDrained(drained: ReadonlyMap<string, string>): void
  /** `held`: devices that replicas of ours use, by id. */
  places(held: ReadonlySet<string>): readonly PlaceNode[]
  /** Which node has that device. */
  nodeOf(device: string): string | undefined
  /** Whose devices a replica computes on: those it is given, else what its node has. Null: not known, or several. */
  vendorOf(node: string | null, devices: readonly string[]): string | null
  /** What to ask a cluster for that gives such devices out itself, an equal part on each of so many nodes. */
  requestOf(devices: readonly string[], nodes: number): AcceleratorRequest | null
  /** Nodes that replicas have to leave, and why. */
  emptying(): ReadonlyMap<string, string>
  isGone(node: string): boolean
  all(): readonly Node[]
}

/** Nothing is started on a node that is back until what went on there unseen must have been listed. */
const returnMs = 5000

export function createNodes(deps: {
  readonly runtime: Pick<Runtime, 'inventory'>
  readonly clock: Clock
  readonly log: Log
  /** Names that a demand may call a device by, lower case. */
  namesOf(model: string): readonly string[]
}): Nodes {
  const { runtime, clock, log } = deps
  let nodes: readonly Node[] = []
  let drained: ReadonlyMap<string, string> = new Map()
  const gone = new Map<string, string>()
  const backAtMs = new Map<string, number>()
  const flapping = new Map<string, Flapping>()
  let trouble: string | null = null

  const closedReason = (node: Node): string | null => {
    const why = drained.get(node.name)
    if (why !== undefined) return 'is drained'
    if (gone.has(node.name)) return `can't be reached: ${gone.get(node.name)}`
    if (node.state !== 'ready') return node.reason || `is ${node.state}`
    const sinceMs = clock.monotonicMs() - (backAtMs.get(node.name) ?? -Infinity)
    if (sinceMs < returnMs) return 'is back, what runs there is being looked at'
    const leftMs = mistrustedMs(flapping.get(node.name), clock.monotonicMs())
    return leftMs > 0 ? `came and went, is trusted again in ${formatDurationMs(leftMs)}` : null
  }

  /** What does not change as long as the runtime says the same of the node. */
  const traits = new WeakMap<Node, Omit<PlaceNode, 'closedReason'>>()
  const traitsOf = (node: Node): Omit<PlaceNode, 'closedReason'> => {
    const known = traits.get(node)
    if (known) return known
    const { name, runtime: cluster, zone, labels, isSpot, pricePerHourUsd } = node
    const made = {
      name,
      cluster,
      zone: zone ?? 'none',
      labels,
      isSpot,
      taints: node.taints
        .filter(({ effect }) => effect !== 'prefer-no')
        .map(({ key, value }) => (value === '' ? key : `${key}=${value}`)),
      devices: node.devices.map((device) => ({
        id: device.id,
        names: deps.namesOf(device.model),
        isPlayed: device.vendor === playedVendor,
        memoryBytes: device.memoryBytes,
        priceUsdH: pricePerHourUsd === null ? null : pricePerHourUsd / node.devices.length,
        group: device.linkGroup ?? device.id,
      })),
    }
    traits.set(node, made)
    return made
  }

  /** Those that are sound and that nobody else uses. */
  const devicesOf = (node: Node, held: ReadonlySet<string>): PlaceNode['devices'] => {
    const isFine = (device: Device): boolean =>
      device.fault === null && (!isInUse(device) || held.has(device.id))
    const { devices } = traitsOf(node)
    if (node.devices.every(isFine)) return devices
    return devices.filter((_, at) => isFine(node.devices[at]!))
  }

  return {
    async refresh() {
      try {
        nodes = await runtime.inventory()
        for (const { name, state, reason } of nodes)
          if (state === 'gone') this.noteGone(name, reason)
          else this.noteBack(name)
        if (trouble !== null) log.info({}, 'nodes are seen again')
        trouble = null
      } catch (thrown) {
        const { message } = toAppError(thrown)
        if (message !== trouble) log.error({}, `nodes can't be listed: ${message}`)
        trouble = message
      }
    },
    noteGone(node, reason) {
      if (gone.has(node)) return
      gone.set(node, reason)
      flapping.set(node, afterLoss(flapping.get(node), clock.monotonicMs()))
      log.warn({ node, reason }, 'node lost')
    },
    noteBack(node) {
      if (!gone.delete(node)) return
      backAtMs.set(node, clock.monotonicMs())
      log.info({ node }, 'node is back')
    },
    setDrained: (next) => void (drained = next),
    places: (held) =>
      nodes.map((node) => ({
        ...traitsOf(node),
        closedReason: closedReason(node),
        devices: devicesOf(node, held),
      })),
    nodeOf: (id) => nodes.find((node) => node.devices.some((device) => device.id === id))?.name,
    vendorOf(name, given) {
      const node = nodes.find((one) => one.name === name)
      const there = node?.devices ?? nodes.flatMap((one) => one.devices)
      const devices =
        given.length > 0 ? there.filter(({ id }) => given.includes(id)) : node?.devices
      const real = devices?.filter(({ vendor }) => vendor !== playedVendor)
      const [vendor = real && 'cpu', ...others] = new Set(real?.map((one) => one.vendor))
      return vendor === undefined || others.length > 0 ? null : vendor
    },
    requestOf(devices, count) {
      const found = nodes.flatMap((node) => node.devices).find(({ id }) => id === devices[0])
      if (!found) return null
      const { vendor, model, slice } = found
      return { vendor, model, profile: slice?.profile ?? null, count: devices.length / count }
    },
    emptying: () => drained,
    isGone: (node) => gone.has(node),
    all: () => nodes,
  }
}
