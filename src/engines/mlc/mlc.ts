import { createEngine } from '../table/create-engine.ts'
import { cant, custom, flag, key, type Rule } from '../table/rule.ts'
import { sum } from '../table/signals.ts'
import { orElse } from '../settings-said.ts'

/** MLC-LLM: python/mlc_llm/cli/serve.py. Most of it is one flag: `--overrides "key=value;…"`. */
const rules: readonly Rule[] = [
  key('contextTokens', 'context_window_size'),
  key('sequencesMax', 'max_num_sequence'),
  key('batchTokens', 'prefill_chunk_size'),
  key('memoryShare', 'gpu_memory_utilization'),
  flag('gpu', '--device', () => 'cpu'),
  key('tensorParallel', 'tensor_parallel_shards'),
  key('pipelineParallel', 'pipeline_parallel_stages'),
  flag('prefixCaching', '--prefix-cache-mode', (value) => (value === 'on' ? 'radix' : 'disable')),
  flag('chunkedPrefill', '--prefill-mode', (value) => (value === 'on' ? 'hybrid' : 'chunked')),
  custom('speculation', ['--speculative-mode'], (speculation) => {
    if (speculation === 'off') return { argv: ['--speculative-mode', 'disable'] }
    const { method, model, tokens } = speculation
    const mode = { draft: 'small_draft', eagle: 'eagle', medusa: 'medusa' }[method as string]
    if (!mode || model === undefined)
      return cant('MLC has draft, eagle and medusa, each with a model')
    return {
      argv: ['--speculative-mode', mode, '--additional-models', model],
      config: { spec_draft_length: orElse(tokens, 4) },
    }
  }),
]

export const mlcEngine = createEngine({
  name: 'mlc',
  about: 'MLC-LLM: compiled for any GPU',
  tasks: ['generate'],
  newestVersion: '0.20.0',
  images: null,
  command: ({ spec }, { config, argv }) => ({
    argv: [
      'mlc_llm',
      'serve',
      spec.modelPath,
      '--mode',
      'server',
      '--host',
      spec.host,
      '--port',
      String(spec.port),
      ...argv,
      ...(Object.keys(config).length > 0 ? ['--overrides', overrides(config)] : []),
    ],
    isWhole: true,
  }),
  rules,
  why: {
    kvPrecision: 'it is compiled into the model',
    weightPrecision: 'it is compiled into the model: name one such as …-q4f16_1-MLC',
    queueMax: 'MLC bounds no queue; the gateway sheds what waits too long',
  },
  takesArguments: false,
  // There is no health endpoint.
  health: { path: '/v1/models', loading: [503] },
  metricsPath: '/metrics',
  signals: {
    promptTokensTotal: sum('prompt_tokens_sum'),
    generationTokensTotal: sum('completion_tokens_sum'),
  },
  drain: { timeoutS: 30, extraS: 5, how: () => 'before' },
  caches: ['/root/.cache/mlc_llm'],
})

const overrides = (config: Readonly<Record<string, unknown>>): string =>
  Object.entries(config)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(';')
