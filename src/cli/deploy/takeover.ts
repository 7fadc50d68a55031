import type { DeploymentSpec, DeploymentView } from '../../contract/deployment.ts'
import { parseHardware } from '../../contract/placement.ts'
import type { DeviceGroup } from './free-devices.ts'

/** How what is planned takes the place of what runs under its name. */
export interface Takeover {
  /** Allowed to lack replicas for a while where there are no devices beside those in use. */
  readonly specs: readonly DeploymentSpec[]
  /** Deployments of an earlier plan that have no part in this one. */
  readonly outdated: readonly string[]
  /** The outdated ones have to go before, as what is new needs their devices. */
  readonly endsFirst: boolean
}

/** `free`: what nobody uses now, also not what runs under the name. */
export function planTakeover(
  specs: readonly DeploymentSpec[],
  before: readonly DeploymentView[],
  free: readonly DeviceGroup[],
): Takeover {
  const names = new Set(specs.map(({ name }) => name))
  const outdated = before.map(({ spec }) => spec.name).filter((name) => !names.has(name))
  const lacking = specs.map((spec) => lackOf(spec, free))
  return {
    outdated,
    endsFirst: specs.some(
      ({ name }, at) => lacking[at]! > 0 && !before.some(({ spec }) => spec.name === name),
    ),
    specs: specs.map((spec, at) => {
      const old = before.find((one) => one.spec.name === spec.name)
      if (!old || lacking[at]! <= 0) return spec
      const each = Math.max(1, ...old.replicas.map(({ devices }) => devices.length))
      const unavailable = Math.min(spec.replicas, Math.ceil(lacking[at]! / each))
      return { ...spec, rollout: { ...spec.rollout, unavailable } }
    }),
  }
}

/** Devices that one replica lacks, on the node that has the most of them free. */
function lackOf({ hardware, runtime }: DeploymentSpec, free: readonly DeviceGroup[]): number {
  if (hardware === undefined) return 0
  const { accelerator, count } = parseHardware(hardware)
  const group = free.find((one) => one.device === accelerator && one.runtime === runtime)
  return group ? count - Math.max(...group.free) : 0
}
