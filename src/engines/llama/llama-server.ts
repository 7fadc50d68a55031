import type { Said } from '../table/flat-settings.ts'
import { createEngine } from '../table/create-engine.ts'
import { cant, custom, flag, type Rule, since, spelling, toggle, until } from '../table/rule.ts'
import { sum } from '../table/signals.ts'
import { orElse } from '../settings-said.ts'

/** llama.cpp's tools/server: its README of 2026-09. Versions are build numbers (`b9844`). */
const rules: readonly Rule[] = [
  // The cache is cut into equal slots: --ctx-size is of all of them together.
  flag(
    'contextTokens',
    '--ctx-size',
    (tokens, { settings }) => tokens * orElse(settings.sequencesMax, defaultSlots),
  ),
  flag('sequencesMax', '--parallel'),
  custom('batchTokens', ['--ubatch-size', '--batch-size'], (tokens) => ({
    argv: ['--ubatch-size', String(tokens), '--batch-size', String(Math.max(2048, tokens))],
  })),
  custom('threads', ['--threads', '--threads-batch'], (threads) => ({
    argv: ['--threads', String(threads), '--threads-batch', String(threads)],
  })),
  custom('gpu', ['--n-gpu-layers'], () => ({ argv: ['--n-gpu-layers', '0'] })),
  custom('kvPrecision', ['--cache-type-k', '--cache-type-v'], (precision) => {
    const type = kvTypes(precision)
    // A quantised V cache wants flash attention.
    return typeof type === 'string'
      ? {
          argv: [
            '--cache-type-k',
            type,
            '--cache-type-v',
            type,
            ...(type.startsWith('q') ? ['--flash-attn', 'on'] : []),
          ],
        }
      : type
  }),
  custom('tensorParallel', ['--split-mode'], (ranks) =>
    ranks > 1 ? { argv: ['--split-mode', 'row'] } : {},
  ),
  custom('pipelineParallel', ['--split-mode'], (stages, { settings }) =>
    stages > 1 && settings.tensorParallel === 'auto' ? { argv: ['--split-mode', 'layer'] } : {},
  ),
  toggle('prefixCaching', '--cache-prompt', '--no-cache-prompt'),
  toggle('chunkedPrefill', null, cant('llama-server always takes prompts in pieces')),
  since(
    '9800',
    custom('speculation', ['--spec-type'], (speculation) => writeSpeculation(speculation)),
  ),
  until(
    '9800',
    custom('speculation', ['--model-draft', '--draft-max'], (speculation) => {
      if (speculation === 'off') return {}
      const { method, model, tokens } = speculation
      return method === 'draft' && model !== undefined
        ? { argv: ['--model-draft', model, '--draft-max', String(orElse(tokens, 16))] }
        : cant('this llama-server drafts with a model alone (method: draft, model: FILE.gguf)')
    }),
  ),
  custom('lora.adapters', ['--lora'], (adapters) => ({
    argv: adapters.flatMap(({ path }) => ['--lora', path]),
    note: 'all adapters apply to every request; llama-server knows them by number, not by name',
  })),
  flag('offload.deviceLayers', '--n-gpu-layers'),
  custom('offload.cpuExpertLayers', ['--cpu-moe', '--n-cpu-moe'], (layers) => ({
    argv: layers === 'all' ? ['--cpu-moe'] : ['--n-cpu-moe', String(layers)],
  })),
  custom('offload.kvGiB', ['--cache-ram'], (gibibytes) => ({
    argv: ['--cache-ram', String(Math.round(gibibytes * 1024))],
  })),
  since(
    '9000',
    custom('sleepMode', ['--sleep-idle-seconds'], (value) =>
      value === 'on' ? { argv: ['--sleep-idle-seconds', '300'] } : {},
    ),
  ),
]

const defaultSlots = 4

const kvTypes = spelling<Said<'kvPrecision'>>(
  { bf16: 'bf16', fp16: 'f16', int8: 'q8_0', int4: 'q4_0' },
  'llama-server keeps KV in bf16, fp16, int8 or int4',
)

const specTypes: Readonly<Record<string, string>> = {
  draft: 'draft-simple',
  eagle3: 'draft-eagle3',
  mtp: 'draft-mtp',
  ngram: 'ngram-simple',
}

function writeSpeculation(speculation: Said<'speculation'>) {
  if (speculation === 'off') return {}
  const { method, model, tokens } = speculation
  const type = specTypes[method]
  if (!type) return cant(`llama-server has ${Object.keys(specTypes).join(', ')}, not ${method}`)
  return {
    argv: [
      '--spec-type',
      type,
      ...(model === undefined ? [] : ['--spec-draft-model', model]),
      ...(method === 'ngram' ? [] : ['--spec-draft-n-max', String(orElse(tokens, 3))]),
    ],
  }
}

export const llamaServerEngine = createEngine({
  name: 'llama-server',
  about: "llama.cpp's server: GGUF on CPUs and any GPU",
  tasks: ['generate', 'embed'],
  takes: 'file',
  newestVersion: 'b10488',
  inspection: { version: ['--version'], help: ['--help'] },
  images: {
    nvidia: 'ghcr.io/ggml-org/llama.cpp:server-cuda-{version}',
    amd: 'ghcr.io/ggml-org/llama.cpp:server-rocm-{version}',
    intel: 'ghcr.io/ggml-org/llama.cpp:server-intel-{version}',
    any: 'ghcr.io/ggml-org/llama.cpp:server-{version}',
  },
  command: ({ spec, servedName, settings }) => {
    const isFile = /^[./]/.test(spec.modelPath)
    return {
      argv: [
        'llama-server',
        isFile ? '--model' : '--hf-repo',
        spec.modelPath,
        '--alias',
        servedName,
        '--host',
        spec.host,
        '--port',
        String(spec.port),
        '--metrics',
        '--no-webui',
        ...(settings.sequencesMax === 'auto' ? ['--parallel', String(defaultSlots)] : []),
        ...(spec.deployment.task === 'embed' ? ['--embeddings'] : []),
      ],
      env: { HF_HUB_DISABLE_TELEMETRY: '1' },
    }
  },
  rules,
  dividesItself: true,
  why: {
    queueMax: 'llama-server bounds no queue; the gateway sheds what waits too long',
    memoryShare: 'llama-server leaves a margin: extraArguments --fit-target=MiB',
    weightPrecision: 'the GGUF file decides it; `baleen model pull …:Q8_0` picks another',
    dataParallel: 'use replicas',
    expertParallel:
      'experts stay on the devices that hold their layer; see offload.cpuExpertLayers',
  },
  forbiddenFlags: `
    --api-key-file --path --api-prefix --media-path --slot-save-path --log-file --props
    --rpc --model-url --hf-repo --hf-token --chat-template-file --tools --models-dir
    --models-preset --lora-scaled --grammar-file --json-schema-file --no-metrics
    --webui-config-file --control-vector --mmproj-url --agent`,
  health: { path: '/health', loading: [503] },
  metricsPath: '/metrics',
  signals: {
    running: sum('llamacpp:requests_processing'),
    waiting: sum('llamacpp:requests_deferred'),
    // Gone from newer builds, which do not tell it.
    kvUsage: sum('llamacpp:kv_cache_usage_ratio'),
    promptTokensTotal: sum('llamacpp:prompt_tokens_total'),
    generationTokensTotal: sum('llamacpp:tokens_predicted_total'),
    draftTokensTotal: sum('llamacpp:spec_decode_num_draft_tokens_total'),
    acceptedTokensTotal: sum('llamacpp:spec_decode_num_accepted_tokens_total'),
  },
  failures: [
    {
      pattern: /error: (?:invalid argument: (\S+)|unknown argument: (\S+))/,
      code: 'engine/bad-argument',
      message: 'it does not know the argument $1$2',
    },
    {
      pattern: /error while handling argument "([^"]+)": ([^\n]+)/,
      code: 'engine/bad-argument',
      message: 'it refuses $1: $2',
    },
    {
      pattern:
        /failed to allocate (?:buffer for kv cache|compute (?:pp )?buffers)|failed to initialize the context: failed to allocate|llama_kv_cache[^\n]*failed to allocate/,
      code: 'engine/no-kv-room',
      message: 'the weights leave no memory for KV',
      mend: 'Lower settings.contextTokens or settings.sequencesMax, or take settings.kvPrecision: int8.',
    },
    {
      pattern:
        /allocating ([\d.]+ MiB) on device[^\n]*failed|unable to allocate \S+ buffer|ggml_backend_\w+_buffer_type_alloc_buffer: failed to allocate/,
      code: 'engine/out-of-memory',
      message: 'there is too little memory ($1 more were asked for)',
      mend: 'Lower settings.offload.deviceLayers, settings.contextTokens or settings.sequencesMax, or take a smaller quantisation.',
    },
    {
      pattern:
        /(?:gguf_init_from_file|failed to open GGUF file|invalid magic|tensor '[^']+' data is not within the file bounds|failed to read (?:tensor|magic))[^\n]*/,
      code: 'engine/bad-model',
      message: 'the GGUF file is broken or none at all',
    },
    {
      pattern: /error loading model: (?!error)([^\n]+)/,
      code: 'engine/bad-model',
      message: '$1',
    },
  ],
  drain: {
    timeoutS: 30,
    extraS: 5,
    how: () => 'before',
  },
  loadTimeoutS: 600,
  caches: ['/root/.cache/llama.cpp', '/root/.cache/huggingface'],
})
