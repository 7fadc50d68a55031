import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { runtimesConfig } from '../../contract/runtimes.ts'
import { findEngine } from '../../engines/index.ts'
import { checkSpec } from './check-spec.ts'

const runtimes = runtimesConfig.parse({
  prod: { kind: 'kubernetes' },
  boxes: { kind: 'docker' },
})

const refusal = (engine: string, changes: object): object | null => {
  try {
    const spec = deploymentSpec.parse({ name: 'ant', model: 'org/m', engine, ...changes })
    checkSpec(findEngine(engine), spec, runtimes)
    return null
  } catch (thrown) {
    const { code, message, param } = thrown as Record<string, unknown>
    return { code, message, param }
  }
}

describe('what a deployment asks for', () => {
  const two = { hardware: 'h100:16', placement: { nodes: 2 } }

  it.each([
    ['vllm', { runtime: 'prod', hardware: 'h100:2' }],
    ['vllm', { runtime: 'prod', ...two }],
    ['sglang', { placement: { nodes: 2, clusters: ['prod'] }, hardware: 'h100:16' }],
    ['embedded', {}],
  ])('is fine for %s: %j', (engine, changes) => expect(refusal(engine, changes)).toBeNull())

  it.each([
    ['embedded', { runtime: 'nope' }, 'runtime/unknown', 'runtime'],
    [
      'embedded',
      { placement: { clusters: ['prod', 'nope'] } },
      'runtime/unknown',
      'placement.clusters',
    ],
    ['vllm', { runtime: 'boxes', ...two }, 'request/unsupported', 'placement.nodes'],
    ['trtllm', { runtime: 'prod', ...two }, 'request/unsupported', 'placement.nodes'],
    ['vllm', { runtime: 'prod', placement: { nodes: 2 } }, 'request/unsupported', 'hardware'],
    [
      'vllm',
      { runtime: 'prod', hardware: 'h100:5', placement: { nodes: 2 } },
      'request/unsupported',
      'hardware',
    ],
    ['trtllm', { task: 'embed' }, 'request/unsupported', 'engine'],
  ])('is refused for %s: %j', (engine, changes, code, param) => {
    expect(refusal(engine, changes)).toMatchObject({ code, param })
  })
})
