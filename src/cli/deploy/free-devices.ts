import type { NodeView } from '../../contract/api.ts'
import { playedVendor } from '../../core/device.ts'
import { resolveAccelerator } from '../../planner/accelerators/resolve-accelerator.ts'

/** Devices of one type in one runtime. */
export interface DeviceGroup {
  /** By its name in the catalogue: "H100-SXM-80GB". */
  readonly device: string
  readonly runtime: string
  readonly kind: NodeView['kind']
  /** Only the engine `simulated` can use them. */
  readonly isPlayed: boolean
  /** How many each node has that nobody uses. */
  readonly free: readonly number[]
  /** Those that somebody uses, or that are broken. */
  readonly taken: number
  /** Replicas that hold some of them. */
  readonly holders: readonly string[]
  /** US dollars for one of them and hour, on average of the nodes that say it. Null: none does. */
  readonly usdPerHour: number | null
}

/**
 * What nodes have, by runtime and type; what the planner does not know is left out. `own`: replicas that what is planned
 * takes the place of, whose devices count as free.
 */
export function deviceGroups(
  nodes: readonly NodeView[],
  own: ReadonlySet<string>,
): readonly DeviceGroup[] {
  const groups = new Map<string, DeviceGroup>()
  for (const { runtime, kind, state, devices, pricePerHourUsd } of nodes) {
    if (state !== 'ready') continue
    const known = devices.flatMap((one) => {
      const device = resolveAccelerator(one.model)?.name
      return device === undefined ? [] : [{ device, one }]
    })
    for (const [device, some] of Map.groupBy(known, (each) => each.device))
      for (const isPlayed of [false, true]) {
        const here = some.filter(({ one }) => (one.vendor === playedVendor) === isPlayed)
        if (here.length === 0) continue
        const free = here.filter(({ one }) => isFree(one, own)).length
        const key = [runtime, device, isPlayed].join(' ')
        const before = groups.get(key)
        const price = pricePerHourUsd === null ? null : pricePerHourUsd / devices.length
        const holders = here.flatMap(({ one }) => one.replicas).filter((id) => !own.has(id))
        groups.set(key, {
          device,
          runtime,
          kind,
          isPlayed,
          free: [...(before?.free ?? []), free],
          taken: (before?.taken ?? 0) + here.length - free,
          holders: [...new Set([...(before?.holders ?? []), ...holders])],
          usdPerHour: averageOf(before?.usdPerHour ?? null, before?.free.length ?? 0, price),
        })
      }
  }
  return [...groups.values()]
}

const averageOf = (before: number | null, count: number, next: number | null): number | null =>
  before === null || next === null ? (next ?? before) : (before * count + next) / (count + 1)

const isFree = (
  { state, replicas }: NodeView['devices'][number],
  own: ReadonlySet<string>,
): boolean => state === 'free' || (state === 'held' && replicas.every((id) => own.has(id)))

export const countOf = ({ free }: Pick<DeviceGroup, 'free'>): number =>
  free.reduce((sum, count) => sum + count, 0)

/** At most so many of them, on as few nodes as can be. */
export function atMost(group: DeviceGroup, count: number): DeviceGroup {
  let left = count
  const free = group.free
    .toSorted((a, b) => b - a)
    .map((some) => {
      const taken = Math.min(some, left)
      left -= taken
      return taken
    })
  return { ...group, free }
}

/** How many replicas of so many devices each find room, each within one node. */
export const roomFor = ({ free }: Pick<DeviceGroup, 'free'>, devices: number): number =>
  free.reduce((sum, count) => sum + Math.floor(count / devices), 0)
