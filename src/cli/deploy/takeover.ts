import type { DeploymentSpec, DeploymentView } from '../../contract/deployment.ts'
import { parseHardware } from '../../contract/placement.ts'
import { countOf, type DeviceGroup } from './free-devices.ts'

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
  const oldOf = ({ name }: DeploymentSpec) => before.find(({ spec }) => spec.name === name)
  return {
    outdated,
    endsFirst: outdated.length > 0 && specs.some((spec) => !oldOf(spec) && !hasRoom(spec, free)),
    specs: specs.map((spec) => {
      const old = oldOf(spec)
      const unavailable = old ? lackingOf(spec, old, free) : 0
      return unavailable === 0 ? spec : { ...spec, rollout: { ...spec.rollout, unavailable } }
    }),
  }
}

const hasRoom = (spec: DeploymentSpec, free: readonly DeviceGroup[]): boolean => {
  const { each, count } = needOf(spec, free)
  return each * spec.replicas <= count
}

/** Devices of one replica, and how many of that type nobody uses. */
function needOf({ hardware, runtime }: DeploymentSpec, free: readonly DeviceGroup[]) {
  if (hardware === undefined) return { each: 0, count: 0 }
  const { accelerator, count: each } = parseHardware(hardware)
  const group = free.find((one) => one.device === accelerator && one.runtime === runtime)
  return { each, count: group ? countOf(group) : Infinity }
}

/**
 * How many replicas have to be missing so that each new one finds devices: when the k-th starts, k - 1 new ones run and
 * as many old ones as keep up what was promised.
 */
function lackingOf(
  spec: DeploymentSpec,
  old: DeploymentView,
  free: readonly DeviceGroup[],
): number {
  const { each, count } = needOf(spec, free)
  const held = Math.max(0, ...old.replicas.map(({ devices }) => devices.length))
  const devices = count + held * old.replicas.length
  const promised = Math.min(spec.replicas, old.spec.replicas)
  const isEnough = (missing: number): boolean =>
    Array.from({ length: spec.replicas }, (_, done) => {
      const kept = Math.min(old.replicas.length, Math.max(0, promised - missing - done))
      return (done + 1) * each + kept * held <= devices
    }).every(Boolean)
  for (let missing = 0; missing < promised; missing++) if (isEnough(missing)) return missing
  return promised
}
