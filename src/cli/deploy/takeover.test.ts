import { describe, expect, it } from 'vitest'
import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { deploymentOf } from '../cli.fixture.ts'
import type { DeviceGroup } from './free-devices.ts'
import { planTakeover } from './takeover.ts'

const group = (...free: readonly number[]): DeviceGroup => ({
  device: 'L4',
  runtime: 'process',
  kind: 'process',
  isPlayed: false,
  free,
  taken: 0,
  holders: [],
  usdPerHour: null,
})
const spec = (name: string, replicas: number, devices: number): DeploymentSpec =>
  deploymentSpec.parse({ name, model: 'm', replicas, hardware: `L4:${devices}` })
const running = (name: string, replicas: number, devices: number) =>
  deploymentOf(
    spec(name, replicas, devices),
    Array.from({ length: replicas }, () => ({
      devices: Array.from({ length: devices }, (_, at) => `d${at}`),
    })),
  )

describe('what takes the place of an earlier plan', () => {
  const missing = (next: DeploymentSpec, before: ReturnType<typeof running>, free: number) =>
    planTakeover([next], [before], [group(free)]).specs[0]?.rollout.unavailable

  it('lacks nobody where devices are free beside it', () => {
    expect(missing(spec('ant', 2, 2), running('ant', 2, 1), 4)).toBe(0)
    expect(missing(spec('ant', 6, 1), running('ant', 4, 1), 2)).toBe(0)
    expect(missing(spec('ant', 1, 2), running('ant', 4, 1), 2)).toBe(0)
  })

  it('lacks as few of the old ones as have to go for each new one', () => {
    expect(missing(spec('ant', 4, 1), running('ant', 4, 1), 0)).toBe(1)
    expect(missing(spec('ant', 2, 4), running('ant', 4, 2), 0)).toBe(1)
    expect(missing(spec('ant', 2, 2), running('ant', 2, 1), 2)).toBe(1)
    expect(missing(spec('ant', 1, 4), running('ant', 4, 1), 0)).toBe(1)
  })

  it('ends what has no part in it, before where its devices are needed', () => {
    const before = [running('ant', 1, 4)]
    const specs = [spec('ant-l4', 1, 4)]
    expect(planTakeover(specs, before, [group(4)])).toMatchObject({
      outdated: ['ant'],
      endsFirst: false,
    })
    expect(planTakeover(specs, before, [group(0)]).endsFirst).toBe(true)
  })
})
