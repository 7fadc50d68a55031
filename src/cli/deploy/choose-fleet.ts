import { parseHardware } from '../../contract/placement.ts'
import type { EngineView, NodeView } from '../../contract/api.ts'
import { playedVendor } from '../../core/device.ts'
import type { EngineModel } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'
import { resolveAccelerator } from '../../planner/accelerators/resolve-accelerator.ts'
import { usageError } from '../command.ts'

export interface FleetWish {
  /** `h100:8`: all that the plan may use. Absent: what is there. */
  readonly hardware: string | undefined
  /** Absent or `auto`: whichever is installed and does best. */
  readonly engine: string | undefined
  readonly runtime: string | undefined
}

export interface FleetChoice {
  /** As `--gpu` of `baleen plan` takes it. */
  readonly fleet: string
  readonly engines: readonly EngineModel[]
  /** Devices of one node, which a replica does not go beyond. Infinity: nothing bounds it. */
  readonly nodeDevices: number
  /** The engine `simulated` stands in: the devices are not there, or it was asked for. */
  readonly isPlayed: boolean
  readonly reason: string
}

type Device = NodeView['devices'][number]

/**
 * What a plan may be made of: devices that nodes have with engines that are installed; else, where devices are named that
 * no node has, all that the planner knows, to be played. Error: `deployment/no-engine`.
 */
export function chooseFleet(
  wish: FleetWish,
  nodes: readonly NodeView[],
  installed: readonly EngineView[],
  models: readonly EngineModel[],
): FleetChoice {
  const { hardware, runtime = 'process' } = wish
  const engine = wish.engine === 'auto' ? undefined : wish.engine
  const usable = nodes.filter((node) => node.runtime === runtime && node.state === 'ready')
  const devices = usable
    .flatMap((node) => node.devices)
    .filter((one) => one.vendor !== playedVendor)
  const kind =
    hardware === undefined ? commonest(devices) : nameOf(parseHardware(hardware).accelerator)
  const here = devices.filter(({ model }) => nameOf(model) === kind)
  const ofKind = (node: NodeView): number =>
    node.devices.filter((device) => here.includes(device)).length

  if (engine === 'simulated' || (hardware !== undefined && here.length === 0))
    return {
      fleet: hardware ?? `${kind ?? missing()}:${here.length}`,
      engines: models,
      nodeDevices: Infinity,
      isPlayed: true,
      reason:
        engine === 'simulated'
          ? 'the engine `simulated` plays it, as asked for'
          : `no node has ${hardware}: the engine \`simulated\` plays it`,
    }
  // The embedded engine takes processors, or what llama.cpp finds: it needs nothing installed.
  if (kind === null) return choice('local', ['embedded'], 'no node has an accelerator')
  const bringsImages = runtime !== 'process'
  const ready = models
    .map(({ name }) => name)
    .filter(
      (name) => bringsImages || installed.some((one) => one.name === name && one.program !== null),
    )
  return choice(hardware ?? `${kind}:${here.length}`, ready, `${here.length} × ${kind} are here`)

  function choice(fleet: string, names: readonly string[], because: string): FleetChoice {
    const fitting = models.filter(({ name }) => names.includes(name) && (engine ?? name) === name)
    if (fitting.length > 0) {
      const list = fitting.map(({ name }) => name).join(', ')
      const nodeDevices = kind === null ? 1 : Math.max(...usable.map(ofKind))
      const reason = `${because}; installed: ${list}`
      return { fleet, engines: fitting, nodeDevices, isPlayed: false, reason }
    }
    throw new AppError('deployment/no-engine', {
      message: `${because}, but ${engine ?? models.map(({ name }) => name).join(', ')} can't be started there`,
    })
  }
}

/** The type of which there are most. Null: none that the planner knows. */
function commonest(devices: readonly Device[]): string | null {
  const known = devices.flatMap(({ model }) => resolveAccelerator(model)?.name ?? [])
  const counts = [...Map.groupBy(known, (name) => name)].map(([name, all]) => ({ name, all }))
  return counts.toSorted((a, b) => b.all.length - a.all.length)[0]?.name ?? null
}

function missing(): never {
  throw usageError('--engine simulated has to know what it plays', 'Name it: --hardware h100:8.')
}

const nameOf = (model: string): string => resolveAccelerator(model)?.name ?? model.toLowerCase()
