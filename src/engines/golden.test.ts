import { describe, expect, it } from 'vitest'
import { told, type Settings, type Wanted } from './adapter.fixture.ts'
import { findEngine } from './index.ts'

/** The whole command of an ordinary deployment, and what other versions make of the settings that have gates. */

const usual: Settings = {
  contextTokens: 32_768,
  sequencesMax: 64,
  batchTokens: 8192,
  queueMax: 100,
  memoryShare: 0.9,
  weightPrecision: 'fp8',
  kvPrecision: 'fp8',
  tensorParallel: 4,
  prefixCaching: 'on',
  toolParser: 'hermes',
}

describe('the usual deployment', () => {
  it.each([
    'llama-server',
    'vllm',
    'sglang',
    'trtllm',
    'ray',
    'dynamo',
    'lmdeploy',
    'tgi',
    'mlc',
    'ollama',
    'mii',
    'external',
  ])('on %s', (name) => {
    expect(told(findEngine(name), usual)).toMatchSnapshot()
  })

  it('on any container', () => {
    expect(told(findEngine('generic'), { image: 'org/reranker:1' })).toMatchSnapshot()
  })
})

const gated: [engine: string, version: string, settings: Settings, wanted?: Wanted][] = [
  ['vllm', '0.9.2', { attentionBackend: 'FLASHINFER', compileLevel: 2, graphSequencesMax: 64 }],
  ['vllm', '0.28.0', { attentionBackend: 'FLASHINFER', compileLevel: 2, graphSequencesMax: 64 }],
  ['vllm', '0.11.0', { offload: { kvGiB: 8 }, kvPrecision: 'int8', weightPrecision: 'int8' }],
  ['vllm', '0.26.0', { offload: { kvGiB: 8 }, kvPrecision: 'int8', weightPrecision: 'int8' }],
  ['vllm', '0.10.0', {}, { task: 'embed' }],
  ['vllm', '0.28.0', { role: 'decode', kvTransfer: 'mooncake', sleepMode: 'on' }],
  [
    'vllm',
    '0.28.0',
    { tensorParallel: 8, pipelineParallel: 2, expertParallel: 4 },
    { group: { nodes: 2, isLeader: false }, vendor: 'amd' },
  ],
  [
    'vllm',
    '0.32.0',
    { gpu: 'off', threads: 4, queueMax: 100, sequencesMax: 8, sleepMode: 'on', compileLevel: 0 },
  ],
  ['vllm', '0.32.0', { memoryShare: 0.25, queueMax: 9 }, { vendor: 'cpu' }],
  ['sglang', '0.4.6', { offload: { kvGiB: 8 }, lora: { dynamic: 'on' } }],
  ['sglang', '0.5.20', { offload: { kvGiB: 8 }, lora: { dynamic: 'on' }, dataParallel: 4 }],
  ['sglang', '0.5.20', { speculation: { method: 'mtp', tokens: 4 }, role: 'prefill' }],
  ['trtllm', '1.3.0rc23', { speculation: { method: 'mtp', tokens: 2 }, dataParallel: 8 }],
  ['llama-server', 'b9000', { speculation: { method: 'draft', model: '/m/draft.gguf' } }],
  ['llama-server', 'b9844', { speculation: { method: 'draft', model: '/m/draft.gguf' } }],
  ['lmdeploy', '0.10.0', { speculation: { method: 'eagle3', model: 'org/heads' } }],
]

describe('versions', () => {
  for (const [name, engineVersion, settings, wanted] of gated)
    it(`${name} ${engineVersion} with ${JSON.stringify(settings)}`, () => {
      expect(told(findEngine(name), { ...settings, engineVersion }, wanted)).toMatchSnapshot()
    })

  it('follow what is installed, whatever the tables say', () => {
    const flags = new Set(['--speculative-config', '--attention-backend', '--max-model-len'])
    const installed = { version: '0.9.2', flags }
    const settings = { attentionBackend: 'FLASHINFER', contextTokens: 4096, memoryShare: 0.5 }
    expect(told(findEngine('vllm'), settings, { installed })).toMatchSnapshot()
  })
})
