import { describe, expect, it } from 'vitest'
import { deploymentSpec } from './deployment.ts'
import { parseHardware } from './placement.ts'

const least = { name: 'ant', model: 'm' }

const full = {
  ...least,
  runtime: 'docker',
  hardware: 'h100:2',
  priority: 10,
  placement: {
    clusters: ['east'],
    labels: { disk: 'nvme' },
    tolerates: ['dedicated=llm'],
    spread: { over: 'node', mode: 'required' },
    awayFrom: ['bee'],
    spot: true,
    priceMax: 2.5,
    share: { memory: '20GiB', compute: 0.25 },
  },
  rollout: {
    steps: [{ share: 0.1, bakeTime: '5m' }, { share: 0.5 }],
    cohort: { keys: ['beta'], header: { name: 'x-beta' }, users: 0.05 },
    gate: { errors: 0.02 },
    onFailure: 'pause',
  },
  scaling: { min: 0, max: 4, idleToZero: '30m' },
  slo: { 'ttft.p95': '500ms', availability: 0.99 },
}

describe('deploymentSpec', () => {
  it('reads what was stored before it knew of placement and rollout', () => {
    const stored = {
      ...least,
      engine: 'embedded',
      task: 'generate',
      replicas: 2,
      weight: 1,
      settings: { contextTokens: 'auto', sequencesMax: 8, batchTokens: 512, queueMax: 256 },
    }
    expect(deploymentSpec.parse(stored)).toMatchObject({
      replicas: 2,
      runtime: 'process',
      rollout: { steps: [], surge: 1, unavailable: 0 },
    })
  })

  it('reads what it wrote to the same spec', () => {
    const spec = deploymentSpec.parse(full)
    expect(deploymentSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
  })

  it.each([
    ['an unknown setting', { placement: { zone: 'a' } }],
    ['a hardware without a count', { hardware: 'h100:' }],
    ['a hardware of nothing', { hardware: 'h100:0' }],
    ['a time without a unit', { rollout: { steps: [{ share: 0.1, bakeTime: '5' }] } }],
    ['a share above all', { rollout: { steps: [{ share: 1.1 }] } }],
    ['a rollout that could never move', { rollout: { surge: 0 } }],
    ['a cohort of nobody', { rollout: { cohort: {} } }],
    ['a header that HTTP would not carry', { rollout: { cohort: { header: { name: 'X Beta' } } } }],
    ['bounds the wrong way round', { scaling: { min: 3, max: 2 } }],
    ['an idle time that never comes to zero', { scaling: { min: 1, max: 2, idleToZero: '5m' } }],
    ['a size that is none', { placement: { share: { memory: 'much' } } }],
    ['a limit that nobody measures', { slo: { 'ttft.p42': '1s' } }],
  ])('refuses %s', (_, change) => {
    expect(deploymentSpec.safeParse({ ...full, ...change }).success).toBe(false)
  })
})

describe('parseHardware', () => {
  it('takes one device where no number stands', () => {
    expect(parseHardware('a100-80gb')).toEqual({ accelerator: 'a100-80gb', count: 1 })
    expect(parseHardware('h100:8')).toEqual({ accelerator: 'h100', count: 8 })
  })
})
