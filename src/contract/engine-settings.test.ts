import { describe, expect, it } from 'vitest'
import { deploymentSpec } from './deployment.ts'
import { engineSettings } from './engine-settings.ts'

describe('engine settings', () => {
  it('leave everything to the engine where nobody says anything', () => {
    const { lora, offload, environment, extraArguments, role, trustRemoteCode, ...rest } =
      engineSettings.parse({})
    expect(new Set(Object.values(rest))).toEqual(new Set(['auto']))
    expect(lora).toEqual({ adapters: [], loadedMax: 'auto', rankMax: 'auto', dynamic: 'auto' })
    expect(new Set(Object.values(offload))).toEqual(new Set(['auto']))
    expect([environment, extraArguments, role, trustRemoteCode]).toEqual([{}, [], 'both', 'off'])
  })

  it('read what earlier versions stored', () => {
    const stored = {
      contextTokens: 'auto',
      sequencesMax: 8,
      batchTokens: 512,
      queueMax: 256,
      threads: 2,
      gpu: 'off',
    }
    const { settings } = deploymentSpec.parse({ name: 'a', model: 'm', settings: stored })
    expect(settings).toMatchObject(stored)
  })

  it('take what only some engines have', () => {
    const settings = engineSettings.parse({
      tensorParallel: 8,
      expertParallel: 8,
      kvPrecision: 'fp8',
      speculation: { method: 'eagle3', model: 'org/heads', tokens: 3 },
      lora: { adapters: [{ name: 'sql', path: 's3://bucket/sql' }] },
      offload: { cpuExpertLayers: 'all', nvmePath: '/mnt/nvme' },
      environment: { HF_TOKEN: { secret: 'hub/token' }, NCCL_DEBUG: 'WARN' },
      extraArguments: ['--enable-mfu-metrics', '--moe-backend=triton', '--json={"a": [1, 2]}'],
    })
    expect(settings.lora.rankMax).toBe('auto')
  })

  it.each([
    [{ extraArguments: ['-m'] }, /--name/],
    [{ extraArguments: ['--a=$(id)'] }, /--name/],
    [{ extraArguments: ['--a=b\n--c'] }, /--name/],
    [{ environment: { HF_TOKEN: 'hf_abc' } }, /HF_TOKEN: \{secret: NAME\}/],
    [{ environment: { AWS_ACCESS_KEY_ID: 'AKIA' } }, /secret/],
    [{ environment: { LD_PRELOAD: '/tmp/x.so' } }, /not for deployments/],
    [{ environment: { PYTHONPATH: '/tmp' } }, /not for deployments/],
    [{ environment: { HF_TOKEN: { secret: 'hf abc' } } }, /name a secret|Invalid/],
    [{ image: '--privileged' }, /REGISTRY/],
    [{ attentionBackend: '../x' }, /letters/],
    [{ memoryShare: 1.2 }, /1/],
    [{ tensorParalel: 2 }, /tensorParalel/],
  ])('refuse %j', (settings, message) => {
    expect(() => engineSettings.parse(settings)).toThrow(message)
  })
})
