import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../contract/deployment.ts'
import { replicaOf, type Settings } from './adapter.fixture.ts'
import { findEngine } from './index.ts'

function launch(engine: string, hardware: string, settings: Settings = {}) {
  const { deployment, ...spec } = replicaOf(settings)
  const { devices, sharedMemoryBytes, argv, warnings } = findEngine(engine).launch({
    ...spec,
    deployment: deploymentSpec.parse({ ...deployment, hardware }),
  })
  return { devices, sharedMemoryBytes, words: argv.join(' '), warnings }
}

describe('hardware of several devices', () => {
  it.each([
    ['vllm', '--tensor-parallel-size 2', 8],
    ['sglang', '--tp-size 2', 32],
    ['trtllm', '--tp_size 2', 16],
  ])('is cut over all of them by %s, with the memory that its ranks share', (name, said, gib) => {
    const plan = launch(name, 'h100:2')
    expect(plan.words).toContain(said)
    expect(plan.devices).toMatchObject({ count: 2, tensorParallel: 2 })
    expect(plan.sharedMemoryBytes).toBe(gib * 2 ** 30)
    expect(plan.warnings).toEqual([])
  })

  it('leaves one device, a CPU and an engine that divides itself alone', () => {
    for (const name of ['vllm', 'sglang', 'trtllm']) {
      expect(launch(name, 'h100').devices.count).toBe(1)
      expect(launch(name, 'h100').sharedMemoryBytes).toBeNull()
    }
    expect(launch('vllm', 'h100:2', { gpu: 'off' }).devices.count).toBe(0)
    expect(launch('llama-server', 'h100:2').words).not.toContain('split-mode')
  })

  it('is divided by what is said of ranks', () => {
    expect(launch('vllm', 'h100:8', { dataParallel: 2, pipelineParallel: 2 })).toMatchObject({
      devices: { count: 8, tensorParallel: 2, pipelineParallel: 2, dataParallel: 2 },
      words: expect.stringContaining('--tensor-parallel-size 2') as string,
    })
    expect(launch('sglang', 'h100:4', { dataParallel: 4 }).words).toContain('--tp-size 4')
  })

  it('does not fit to ranks that are more or fewer, and says so', () => {
    const { warnings, devices } = launch('vllm', 'h100:4', { tensorParallel: 2 })
    expect(devices.count).toBe(2)
    expect(warnings).toEqual([
      'devices: h100:4 is not tensorParallel 2 × pipelineParallel 1 × dataParallel 1',
    ])
    expect(launch('vllm', 'h100:3', { pipelineParallel: 2 }).warnings).toHaveLength(1)
  })
})
