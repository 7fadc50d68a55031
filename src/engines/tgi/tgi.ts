import type { Said } from '../table/flat-settings.ts'
import { createEngine } from '../table/create-engine.ts'
import { cant, custom, flag, type Rule, spelling, toggle } from '../table/rule.ts'
import { sum } from '../table/signals.ts'

/** Hugging Face TGI 3.3, in maintenance: launcher/src/main.rs. */
const rules: readonly Rule[] = [
  flag('contextTokens', '--max-total-tokens'),
  flag('sequencesMax', '--max-batch-size'),
  flag('batchTokens', '--max-batch-prefill-tokens'),
  flag('queueMax', '--max-concurrent-requests', (waiting, { settings }) =>
    settings.sequencesMax === 'auto' ? Math.max(1, waiting) : waiting + settings.sequencesMax,
  ),
  flag('memoryShare', '--cuda-memory-fraction'),
  custom('weightPrecision', ['--dtype', '--quantize'], (precision) => {
    const dtype = { bf16: 'bfloat16', fp16: 'float16' }[precision as string]
    if (dtype) return { argv: ['--dtype', dtype] }
    const quantised = { fp8: 'fp8', int8: 'eetq', int4: 'bitsandbytes-nf4' }[precision as string]
    return quantised ? { argv: ['--quantize', quantised] } : cant(`TGI has no ${precision}`)
  }),
  flag(
    'kvPrecision',
    '--kv-cache-dtype',
    spelling<Said<'kvPrecision'>>(
      { fp8: 'fp8_e4m3fn' },
      'TGI keeps KV in the precision of the model or fp8',
    ),
  ),
  flag('tensorParallel', '--num-shard'),
  toggle('prefixCaching', null, cant('TGI always reuses prefixes')),
  toggle('chunkedPrefill', null, cant('TGI always takes prompts in pieces')),
  custom('compileLevel', ['--cuda-graphs'], (level) =>
    level === 0 ? { argv: ['--cuda-graphs', '0'] } : {},
  ),
  custom('speculation', ['--speculate'], (speculation) =>
    speculation === 'off'
      ? {}
      : ['ngram', 'medusa'].includes(speculation.method)
        ? { argv: ['--speculate', String(speculation.tokens === 'auto' ? 2 : speculation.tokens)] }
        : cant(`TGI has ngram and medusa, not ${speculation.method}`),
  ),
  custom('lora.adapters', ['--lora-adapters'], (adapters) => ({
    argv: ['--lora-adapters', adapters.map(({ name, path }) => `${name}=${path}`).join(',')],
  })),
  flag('trustRemoteCode', '--trust-remote-code', () => true),
]

export const tgiEngine = createEngine({
  name: 'tgi',
  about: 'Hugging Face TGI (in maintenance)',
  tasks: ['generate'],
  newestVersion: '3.3.7',
  inspection: { version: ['--version'], help: ['--help'] },
  images: {
    amd: 'ghcr.io/huggingface/text-generation-inference:{version}-rocm',
    intel: 'ghcr.io/huggingface/text-generation-inference:{version}-intel-xpu',
    any: 'ghcr.io/huggingface/text-generation-inference:{version}',
  },
  command: ({ spec }) => ({
    argv: [
      'text-generation-launcher',
      '--model-id',
      spec.modelPath,
      '--json-output',
      '--hostname',
      spec.host,
      '--port',
      String(spec.port),
    ],
    env: { HF_HUB_DISABLE_TELEMETRY: '1' },
  }),
  rules,
  forbiddenFlags:
    '--otlp-endpoint --tokenizer-config-path --huggingface-hub-cache --cors-allow-origin',
  health: { path: '/health', loading: [503] },
  metricsPath: '/metrics',
  signals: {
    running: sum('tgi_batch_current_size'),
    waiting: sum('tgi_queue_size'),
    promptTokensTotal: sum('tgi_request_input_length_sum'),
    generationTokensTotal: sum('tgi_request_generated_tokens_sum'),
    finishedTotal: sum('tgi_request_success'),
    queue: ['tgi_request_queue_duration'],
  },
  failures: [
    {
      pattern: /Not enough memory to handle (\d+) (?:total|prefill) tokens/,
      code: 'engine/no-kv-room',
      message: 'memory does not hold a step of $1 tokens',
      mend: 'Lower settings.batchTokens or settings.contextTokens.',
    },
    {
      pattern: /`max_(?:input_tokens|batch_prefill_tokens)` must be[^\n"]*/,
      code: 'engine/bad-argument',
      message: 'its limits contradict each other',
      mend: 'Raise settings.contextTokens or lower settings.batchTokens.',
    },
  ],
  drain: {
    timeoutS: 90,
    extraS: 5,
    how: () => 'signal',
    tell: (timeoutS) => ({ argv: ['--graceful-termination-timeout', String(timeoutS)] }),
  },
  adapters: { nameOf: (_, adapter) => adapter },
  caches: ['/data'],
  sharedMemoryGiB: 1,
})
