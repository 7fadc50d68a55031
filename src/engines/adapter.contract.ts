import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { effectOf, replicaOf, type Settings } from './adapter.fixture.ts'
import type { Engine } from './engine.ts'

/** For each setting, values of which at least one asks for something else than what happens anyway. */
const asked = Object.entries<readonly Settings[]>({
  contextTokens: [{ contextTokens: 8192 }],
  sequencesMax: [{ sequencesMax: 17 }],
  batchTokens: [{ batchTokens: 4096 }],
  queueMax: [{ queueMax: 9 }],
  threads: [{ threads: 3 }],
  gpu: [{ gpu: 'off' }],
  memoryShare: [{ memoryShare: 0.7 }],
  weightPrecision: [{ weightPrecision: 'fp8' }, { weightPrecision: 'mxfp4' }],
  kvPrecision: [{ kvPrecision: 'fp8' }, { kvPrecision: 'int4' }],
  tensorParallel: [{ tensorParallel: 2 }],
  pipelineParallel: [{ pipelineParallel: 2 }],
  dataParallel: [{ dataParallel: 2 }],
  expertParallel: [{ expertParallel: 2 }],
  prefixCaching: [{ prefixCaching: 'off' }, { prefixCaching: 'on' }],
  chunkedPrefill: [{ chunkedPrefill: 'off' }, { chunkedPrefill: 'on' }],
  attentionBackend: [{ attentionBackend: 'FLASHINFER' }],
  compileLevel: [{ compileLevel: 0 }],
  graphSequencesMax: [{ graphSequencesMax: 64 }],
  speculation: [
    { speculation: { method: 'draft', model: '/models/draft' } },
    { speculation: { method: 'ngram' } },
  ],
  'lora.adapters': [{ lora: { adapters: [{ name: 'sql', path: '/lora/sql' }] } }],
  'lora.loadedMax': [{ lora: { loadedMax: 3 } }],
  'lora.rankMax': [{ lora: { rankMax: 32 } }],
  'lora.dynamic': [{ lora: { dynamic: 'on' } }],
  'offload.weightsGiB': [{ offload: { weightsGiB: 4 } }],
  'offload.kvGiB': [{ offload: { kvGiB: 4 } }],
  'offload.nvmePath': [{ offload: { nvmePath: '/mnt/nvme' } }],
  'offload.deviceLayers': [{ offload: { deviceLayers: 12 } }],
  'offload.cpuExpertLayers': [{ offload: { cpuExpertLayers: 'all' } }],
  role: [{ role: 'prefill' }],
  kvTransfer: [{ kvTransfer: 'nixl' }, { kvTransfer: 'nixl', role: 'prefill' }],
  sleepMode: [{ sleepMode: 'on' }],
  toolParser: [{ toolParser: 'hermes' }],
  reasoningParser: [{ reasoningParser: 'qwen3' }],
  loadFormat: [{ loadFormat: 'safetensors' }],
  trustRemoteCode: [{ trustRemoteCode: 'on' }],
  sharedMemoryGiB: [{ sharedMemoryGiB: 3 }],
  loadTimeoutS: [{ loadTimeoutS: 77 }],
  drainTimeoutS: [{ drainTimeoutS: 7 }],
  environment: [{ environment: { NCCL_DEBUG: 'WARN', HF_TOKEN: { secret: 'hub/token' } } }],
  extraArguments: [{ extraArguments: ['--some-new-flag=1'] }],
}).map(([name, values]) => ({ name, values }))

/** What every adapter has to do, without the engine: nothing is ignored, nothing is invented, nothing leaks. */
export function adapterContract(engine: Engine, needed: Settings = {}): void {
  const launch = (settings: Settings) => engine.launch(replicaOf({ ...needed, ...settings }))

  describe(`${engine.name}, as every adapter`, () => {
    it('makes the same plan of the same spec', () => {
      expect(launch({})).toEqual(launch({}))
    })

    it('has nothing to remark where nothing was asked for but what the model is called', () => {
      for (const warning of launch({}).warnings) expect(warning).toMatch(/^(model|devices): /)
    })

    it.each(asked)('does what $name asks for, or says why not', ({ name, values }) => {
      const before = effectOf(launch({}))
      const answers = values.map((settings) => {
        const plan = launch(settings)
        const isSaid = plan.warnings.some((warning) => warning.startsWith(`${name}: `))
        return isSaid || effectOf(plan) !== before
      })
      expect(answers).toContain(true)
    })

    it('has a name for an adapter that clients can ask for, or says that it has none', () => {
      const { warnings } = launch({ lora: { adapters: [{ name: 'sql', path: '/lora/sql' }] } })
      const isSaid = warnings.some((warning) => warning.startsWith('lora.adapters: '))
      expect(engine.adapters?.nameOf('ant', 'sql').endsWith('sql') ?? isSaid).toBe(true)
      expect(engine.adapters !== undefined && isSaid).toBe(false)
    })

    it('needs no new process for an adapter that one which runs can take', () => {
      if (!engine.adapters?.calls) return
      const started = (...paths: readonly string[]): unknown => {
        const adapters = paths.map((path) => ({ name: path.slice(1), path }))
        const { argv, env } = launch({ lora: { dynamic: 'on', adapters } })
        return { argv, env }
      }
      expect(started('/sql', '/law')).toEqual(started())
      expect(started()).not.toEqual({ argv: launch({}).argv, env: launch({}).env })
    })

    it('finds an adapter that lies elsewhere than its model', () => {
      const lora = { adapters: [{ name: 'sql', path: '/adapters/sql' }] }
      const pathsOf = (modelPath: string): readonly string[] =>
        engine
          .launch(replicaOf({ ...needed, lora }, { modelPath }))
          .mounts.flatMap(({ kind, path }) => (kind === 'model' ? path : []))
      if (!engine.adapters) return
      expect(pathsOf('/models/qwen')).toEqual(['/models/qwen', '/adapters/sql'])
      expect(pathsOf('/adapters/qwen')).toEqual(['/adapters/qwen'])
      expect(pathsOf('org/qwen')).toEqual(['/adapters/sql'])
    })

    it('starts by itself, or names an image or a URL', () => {
      const { argv, image, url } = launch({})
      expect(argv.length > 0 || image !== null || url !== null).toBe(true)
      expect(argv.filter((word) => word === '' || /undefined|NaN|\[object/.test(word))).toEqual([])
    })

    it('refers to secrets and never holds them', () => {
      const plan = launch({ environment: { HF_TOKEN: { secret: 'hub/token' } } })
      expect(plan.secrets).toEqual({ HF_TOKEN: { name: 'hub', key: 'token' } })
      expect(plan.env).not.toHaveProperty('HF_TOKEN')
    })

    it('counts as many devices as its layout needs', () => {
      const { devices } = launch({ tensorParallel: 4, gpu: 'off' })
      expect(devices.count).toBe(0)
    })

    it.each(['--host=0.0.0.0', '--port=1', '--api-key=x', '--hos=0.0.0.0', '--trust_remote_code'])(
      'never passes %s on',
      (argument) => {
        const isRefused = (): boolean => {
          try {
            return launch({ extraArguments: [argument] }).warnings.length > 0
          } catch (thrown) {
            return /settings|not for deployments/.test(String(thrown))
          }
        }
        expect(isRefused()).toBe(true)
      },
    )

    it('reads any page and any answer without failing', () => {
      fc.assert(
        fc.property(fc.string(), fc.integer({ min: 100, max: 599 }), (text, status) => {
          const signals = engine.parseMetrics(text)
          for (const value of Object.values(signals)) expect(value).toBeNull()
          expect(engine.readHealth(status, text).reason).not.toBe('')
          engine.explainFailure({ exitCode: 1, signal: null, logTail: text })
        }),
      )
    })
  })
}
