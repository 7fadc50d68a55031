import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../contract/deployment.ts'
import { findEngine } from '../engines/index.ts'
import { launchOf } from './launch.ts'

const launch = (engine: string, settings: object) =>
  launchOf(
    findEngine(engine),
    deploymentSpec.parse({ name: 'ant', model: 'hf:org/m', engine, settings }),
    'org/m',
  )

describe('a role', () => {
  it('is how its replicas are paired', () => {
    const [reads, writes] = [
      launch('vllm', { role: 'prefill' }),
      launch('vllm', { role: 'decode' }),
    ]
    expect(reads.pair).toMatchObject({ role: 'prefill', protocol: 'vllm' })
    expect(writes.pair).toMatchObject({ role: 'decode', alike: reads.pair!.alike })
    expect(reads.warnings).toEqual([])
    expect(launch('vllm', {}).pair).toBeNull()
  })

  it('pairs those alone whose caches are alike', () => {
    const usual = launch('vllm', { role: 'decode' }).pair!.alike
    expect(launch('vllm', { role: 'decode', kvPrecision: 'fp8' }).pair!.alike).not.toBe(usual)
    expect(launch('vllm', { role: 'decode', sequencesMax: 7 }).pair!.alike).toBe(usual)
    expect(launch('sglang', { role: 'decode' }).pair!.alike).not.toBe(usual)
  })

  it('is said to lead nowhere where the gateway does not speak to it so', () => {
    const { pair, warnings } = launch('vllm', { role: 'prefill', kvTransfer: 'lmcache' })
    expect(pair).toBeNull()
    expect(warnings).toEqual([expect.stringContaining('does not pair replicas of vllm')])
    expect(launch('dynamo', { role: 'prefill' })).toMatchObject({ pair: null, warnings: [] })
  })
})
