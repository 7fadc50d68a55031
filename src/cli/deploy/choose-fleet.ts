import { parseHardware } from '../../contract/placement.ts'
import type { EngineView, NodeView } from '../../contract/api.ts'
import type { EngineModel } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'
import { resolveAccelerator } from '../../planner/accelerators/resolve-accelerator.ts'
import { usageError } from '../command.ts'
import { atMost, countOf, deviceGroups, type DeviceGroup } from './free-devices.ts'

export interface FleetWish {
  /** `h100:8` or `h100:8,l40s:4`: all that the plan may use. Absent: what is here and free. */
  readonly hardware: string | undefined
  /** Absent or `auto`: whichever is installed and does best. */
  readonly engine: string | undefined
  /** Absent: any. */
  readonly runtime: string | undefined
}

/** Devices that the plan may use, under the name that the planner has for them. */
export interface FleetGroup extends DeviceGroup {
  /** "H100-SXM-80GB", or "H100-SXM-80GB@prod" where several runtimes have devices. */
  readonly name: string
  /** Engines that can be started there. */
  readonly engines: ReadonlySet<string>
}

export interface FleetChoice {
  /** As `--gpu` of `baleen plan` takes it. */
  readonly fleet: string
  readonly engines: readonly EngineModel[]
  /** Empty: nothing bounds the plan but the fleet. */
  readonly groups: readonly FleetGroup[]
  /** The engine `simulated` stands in: the devices are not there, or it was asked for. */
  readonly isPlayed: boolean
  readonly reason: string
}

/**
 * What a plan may be made of: free devices of nodes with engines that can be started there; else, where devices are named
 * that no node has, or only played ones are here, all that the planner knows, to be played. `own`: replicas that it takes
 * the place of. Errors: `deployment/no-engine`, `deployment/no-room`.
 */
export function chooseFleet(
  wish: FleetWish,
  nodes: readonly NodeView[],
  installed: readonly EngineView[],
  models: readonly EngineModel[],
  own: ReadonlySet<string> = new Set(),
): FleetChoice {
  const engine = wish.engine === 'auto' ? undefined : wish.engine
  const wanted = wish.hardware === undefined ? null : wantedIn(wish.hardware)
  const there = deviceGroups(nodes, own).filter(
    ({ runtime }) => wish.runtime === undefined || runtime === wish.runtime,
  )
  const real = within(
    wanted,
    there.filter(({ isPlayed }) => !isPlayed),
  )
  const played = within(
    wanted,
    there.filter(({ isPlayed }) => isPlayed),
  )
  const isAsked = engine === 'simulated'
  const wished = models.filter(({ name }) => name === engine)
  const playable = wished.length > 0 ? wished : models
  if (isAsked || real.length === 0) {
    const because = isAsked ? 'as asked for' : wanted ? `no node has ${wish.hardware}` : null
    if (played.length > 0) return playing(played, `${because ?? 'no node has real ones'}`)
    if (wanted) return playingAnything(wish.hardware!)
    if (isAsked && real.length > 0)
      return playingAnything(real.map((one) => `${one.device}:${countOf(one)}`).join(','))
    if (isAsked)
      throw usageError(
        '--engine simulated has to know what it plays',
        'Name it: --hardware h100:8.',
      )
    // The embedded engine takes processors, or what llama.cpp finds: it needs nothing installed.
    return onThisMachine()
  }
  return onDevices(real)

  function onDevices(groups: readonly DeviceGroup[]): FleetChoice {
    const programs = new Set(
      installed.flatMap(({ name, program }) => (program === null ? [] : name)),
    )
    const names = models.map(({ name }) => name).filter((name) => (engine ?? name) === name)
    const startable = ({ kind }: DeviceGroup): ReadonlySet<string> =>
      new Set(kind === 'process' ? names.filter((name) => programs.has(name)) : names)
    const usable = named(groups).map((one) => ({ ...one, engines: startable(one) }))
    const because = textOf(groups)
    const all = new Set(usable.flatMap(({ engines }) => [...engines]))
    if (all.size === 0)
      throw new AppError('deployment/no-engine', {
        message: `${because}, but ${engine ?? models.map(({ name }) => name).join(', ')} can't be started there`,
      })
    const free = usable.filter((one) => countOf(one) > 0 && one.engines.size > 0)
    if (free.length === 0)
      throw new AppError('deployment/no-room', { message: `${because}: none is free` })
    return {
      fleet: fleetOf(free),
      engines: models.filter(({ name }) => all.has(name)),
      groups: free,
      isPlayed: false,
      reason: `${because}; can be started: ${[...all].join(', ')}`,
    }
  }

  function playing(groups: readonly DeviceGroup[], because: string): FleetChoice {
    const engines = new Set(models.map(({ name }) => name))
    const free = named(groups)
      .filter((one) => countOf(one) > 0)
      .map((one) => ({ ...one, engines }))
    const what = textOf(groups)
    if (free.length === 0)
      throw new AppError('deployment/no-room', { message: `${what} to be played: none is free` })
    const reason = `${because}: the engine \`simulated\` plays what nodes of the config name (${what})`
    return { fleet: fleetOf(free), engines: playable, groups: free, isPlayed: true, reason }
  }

  function playingAnything(fleet: string): FleetChoice {
    const reason = isAsked
      ? 'the engine `simulated` plays it, as asked for'
      : `no node has ${fleet}: the engine \`simulated\` plays it`
    return { fleet, engines: playable, groups: [], isPlayed: true, reason }
  }

  function onThisMachine(): FleetChoice {
    const engines = models.filter(({ name }) => name === 'embedded' && (engine ?? name) === name)
    if (engines.length === 0)
      throw new AppError('deployment/no-engine', {
        message: `no node has an accelerator, and ${engine} can't do without`,
      })
    const reason = 'no node has an accelerator; installed: embedded'
    return { fleet: 'local', engines, groups: [], isPlayed: false, reason }
  }
}

interface Wanted {
  readonly device: string
  readonly count: number
}

const wantedIn = (hardware: string): readonly Wanted[] =>
  hardware.split(',').map((part) => {
    const { accelerator, count } = parseHardware(part.trim())
    return { device: resolveAccelerator(accelerator)?.name ?? accelerator, count }
  })

/** What is wanted of what is there. Empty: some of it is not there at all. */
function within(
  wanted: readonly Wanted[] | null,
  groups: readonly DeviceGroup[],
): readonly DeviceGroup[] {
  if (!wanted) return groups
  const found = wanted.map(({ device, count }) => {
    let left = count
    return groups
      .filter((one) => one.device === device)
      .map((one) => {
        const some = atMost(one, left)
        left -= countOf(some)
        return some
      })
  })
  return found.some((some) => some.length === 0) ? [] : found.flat()
}

function named(groups: readonly DeviceGroup[]): (DeviceGroup & { readonly name: string })[] {
  const areApart = new Set(groups.map(({ runtime }) => runtime)).size > 1
  return groups.map((one) => ({
    ...one,
    name: areApart ? `${one.device}@${one.runtime}` : one.device,
  }))
}

const fleetOf = (groups: readonly (DeviceGroup & { readonly name: string })[]): string =>
  groups
    .map((one) => {
      const [device, cluster] = one.name.split('@')
      return `${device}:${countOf(one)}${cluster === undefined ? '' : `@${cluster}`}`
    })
    .join(', ')

/** "4 × H100-SXM-80GB are free, 2 in use by llama-x1; 1 × L4 is free". */
const textOf = (groups: readonly DeviceGroup[]): string =>
  groups
    .map((one) => {
      const count = countOf(one)
      const by = one.holders.length === 0 ? 'or broken' : `by ${one.holders.join(', ')}`
      const rest = one.taken === 0 ? '' : `, ${one.taken} in use ${by}`
      return `${count} × ${one.device} ${count === 1 ? 'is' : 'are'} free${rest}`
    })
    .join('; ')
