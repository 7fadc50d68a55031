import type { Said } from '../table/flat-settings.ts'
import { createEngine } from '../table/create-engine.ts'
import { groupArguments } from '../table/group-arguments.ts'
import { cant, custom, flag, type Rule, since, spelling, toggle } from '../table/rule.ts'
import { sharedRanks } from '../table/shared-ranks.ts'
import { mean, sum } from '../table/signals.ts'
import { meetingNobody, sglangPairing } from './pairing.ts'
import { sidePortOf } from '../pairing.ts'
import { orElse } from '../settings-said.ts'

/** Flags: sglang/srt/server_args.py of 0.5. Data parallelism shares the tensor ranks: `--tp-size` counts both. */
const rules: readonly Rule[] = [
  flag('contextTokens', '--context-length'),
  flag(
    'sequencesMax',
    '--max-running-requests',
    (sequences, { settings }) => sequences * orElse(settings.dataParallel, 1),
  ),
  flag('batchTokens', '--chunked-prefill-size', (tokens, { settings }) =>
    settings.chunkedPrefill === 'off' ? -1 : tokens,
  ),
  flag('queueMax', '--max-queued-requests'),
  flag('memoryShare', '--mem-fraction-static'),
  custom('gpu', ['--device'], () => ({ argv: ['--device', 'cpu'] })),
  custom('weightPrecision', ['--dtype', '--quantization'], writeWeights),
  flag(
    'kvPrecision',
    '--kv-cache-dtype',
    spelling<Said<'kvPrecision'>>(
      { bf16: 'auto', fp16: 'auto', fp8: 'fp8_e4m3', nvfp4: 'nvfp4' },
      'SGLang keeps KV in bf16, fp8 or nvfp4',
    ),
  ),
  sharedRanks('--tp-size'),
  flag('pipelineParallel', '--pp-size'),
  custom('dataParallel', ['--dp-size', '--enable-dp-attention'], (ranks, { settings }) => ({
    argv: [
      ...(settings.tensorParallel === 'auto' ? ['--tp-size', String(ranks)] : []),
      '--dp-size',
      String(ranks),
      '--enable-dp-attention',
    ],
  })),
  flag('expertParallel', '--ep-size'),
  toggle('prefixCaching', null, '--disable-radix-cache'),
  custom('chunkedPrefill', ['--chunked-prefill-size'], (value, { settings }) =>
    value === 'off' && settings.batchTokens === 'auto'
      ? { argv: ['--chunked-prefill-size', '-1'] }
      : {},
  ),
  flag('attentionBackend', '--attention-backend'),
  custom('compileLevel', ['--disable-cuda-graph', '--enable-torch-compile'], (level) => ({
    argv: level === 0 ? ['--disable-cuda-graph'] : level > 1 ? ['--enable-torch-compile'] : [],
  })),
  flag('graphSequencesMax', '--cuda-graph-max-bs'),
  custom('speculation', ['--speculative-algorithm'], writeSpeculation),
  custom('lora.adapters', ['--lora-paths'], (adapters) => ({
    argv: ['--enable-lora', '--lora-paths', ...adapters.map(({ name, path }) => `${name}=${path}`)],
  })),
  flag('lora.loadedMax', '--max-loras-per-batch'),
  flag('lora.rankMax', '--max-lora-rank'),
  since(
    '0.4.10',
    custom('lora.dynamic', ['--enable-lora'], (value, { settings }) =>
      value === 'on' && settings.lora.adapters.length === 0 ? { argv: ['--enable-lora'] } : {},
    ),
  ),
  flag('offload.weightsGiB', '--cpu-offload-gb'),
  since(
    '0.4.8',
    custom('offload.kvGiB', ['--enable-hierarchical-cache'], (gibibytes) => ({
      argv: ['--enable-hierarchical-cache', '--hicache-size', String(Math.ceil(gibibytes))],
    })),
  ),
  custom(
    'role',
    ['--disaggregation-mode', '--disaggregation-bootstrap-port'],
    (role, { spec }) => ({
      argv: [
        '--disaggregation-mode',
        role,
        ...(role === 'prefill'
          ? ['--disaggregation-bootstrap-port', String(sidePortOf(spec.port))]
          : []),
      ],
    }),
  ),
  flag('kvTransfer', '--disaggregation-transfer-backend'),
  toggle('sleepMode', '--enable-memory-saver', null),
  flag('toolParser', '--tool-call-parser'),
  flag('reasoningParser', '--reasoning-parser'),
  flag('loadFormat', '--load-format'),
  flag('trustRemoteCode', '--trust-remote-code', () => true),
]

function writeWeights(precision: Said<'weightPrecision'>) {
  const dtype = { bf16: 'bfloat16', fp16: 'float16', fp32: 'float32' }[precision as string]
  if (dtype) return { argv: ['--dtype', dtype] }
  const online = { fp8: 'fp8', int8: 'w8a8_int8', nvfp4: 'nvfp4_online' }[precision as string]
  return online
    ? { argv: ['--quantization', online] }
    : cant(`SGLang does not make ${precision} of a checkpoint: name one that is quantised`)
}

const algorithms: Readonly<Record<string, string>> = {
  draft: 'STANDALONE',
  ngram: 'NGRAM',
  eagle: 'EAGLE',
  eagle3: 'EAGLE3',
  mtp: 'NEXTN',
}

function writeSpeculation(speculation: Said<'speculation'>) {
  if (speculation === 'off') return {}
  const { method, model, tokens } = speculation
  const algorithm = algorithms[method]
  if (!algorithm) return cant(`SGLang has ${Object.keys(algorithms).join(', ')}, not ${method}`)
  const drafts = orElse(tokens, 4)
  return {
    argv: [
      '--speculative-algorithm',
      algorithm,
      ...(model === undefined ? [] : ['--speculative-draft-model-path', model]),
      // One of the three asks for all of them.
      ...(method === 'ngram' ? [] : ['--speculative-num-steps', String(Math.max(1, drafts - 1))]),
      ...(method === 'ngram' ? [] : ['--speculative-eagle-topk', '1']),
      '--speculative-num-draft-tokens',
      String(drafts),
    ],
  }
}

export const sglangEngine = createEngine({
  name: 'sglang',
  about: 'SGLang',
  tasks: ['generate', 'embed'],
  newestVersion: '0.5.20',
  inspection: { version: null, help: ['-m', 'sglang.launch_server', '--help'] },
  images: {
    amd: 'lmsysorg/sglang:v{version}-rocm700-mi30x',
    any: 'lmsysorg/sglang:v{version}',
  },
  command: ({ spec, servedName }) => ({
    argv: [
      'python3',
      '-m',
      'sglang.launch_server',
      '--model-path',
      spec.modelPath,
      '--served-model-name',
      servedName,
      '--host',
      spec.host,
      '--port',
      String(spec.port),
      // Both are off unless asked for.
      '--enable-metrics',
      '--enable-cache-report',
      ...(spec.deployment.task === 'embed' ? ['--is-embedding'] : []),
      ...groupArguments(spec),
    ],
    env: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', HF_HUB_DISABLE_TELEMETRY: '1' },
  }),
  rules,
  spansNodes: true,
  pairing: () => ({ protocol: sglangPairing.name, alone: meetingNobody }),
  // It divides at the first colon, and does not look at what is before it.
  adapters: { nameOf: (model, adapter) => `${model.replaceAll(':', '-')}:${adapter}` },
  why: {
    'offload.nvmePath':
      'SGLang keeps KV on disks through --hicache-storage-backend (extraArguments)',
  },
  forbiddenFlags: `
    --admin-api-key --config --tokenizer-path --custom-sigquit-handler
    --enable-custom-logit-processor --chat-template --download-dir --file-storage-path
    --crash-dump-folder --grpc-port --tool-server --model-loader-extra-config
    --json-model-override-args --skip-server-warmup`,
  // `/health` says 200 even where the model loop is dead; a token a minute tells.
  health: { path: '/health', livenessPath: '/health_generate', loading: [503] },
  metricsPath: '/metrics',
  signals: {
    running: sum('sglang:num_running_reqs'),
    waiting: sum('sglang:num_queue_reqs'),
    kvUsage: mean('sglang:token_usage'),
    kvCapacity: { metric: 'sglang:cache_config_info', labels: ['page_size', 'num_pages'] },
    promptTokensTotal: sum('sglang:prompt_tokens_total'),
    generationTokensTotal: sum('sglang:generation_tokens_total'),
    prefixHitTokensTotal: {
      ...sum('sglang:cached_tokens_total'),
      leaveOut: { cache_source: 'total' },
    },
    prefixQueryTokensTotal: sum('sglang:prompt_tokens_total'),
    finishedTotal: sum('sglang:num_requests_total'),
    preemptionsTotal: sum('sglang:num_retracted_requests_total'),
    ttft: ['sglang:time_to_first_token_seconds'],
    queue: ['sglang:queue_time_seconds'],
  },
  failures: [
    {
      pattern:
        /Not enough memory\. Please try (?:to increase|increasing) --mem-fraction-static[^\n]*?(?:=\s*([\d.]+))?/,
      code: 'engine/no-kv-room',
      message: 'the weights leave no memory for KV',
      mend: 'Raise settings.memoryShare, take kvPrecision: fp8, or use more devices (tensorParallel).',
    },
    {
      pattern: /Capture cuda graph failed: ([^\n]+)/i,
      code: 'engine/out-of-memory',
      message: 'capturing graphs failed: $1',
      mend: 'Lower settings.memoryShare or settings.graphSequencesMax, or set settings.compileLevel: 0.',
    },
    {
      pattern: /The memory capacity is unbalanced[^\n]*/,
      code: 'engine/out-of-memory',
      message: 'other programs use some of the devices',
      mend: 'End what else uses them.',
    },
  ],
  drain: {
    timeoutS: 60,
    // It looks every 5 s whether it shall end, and gives its schedulers 15 s more.
    extraS: 20,
    how: () => 'signal',
  },
  caches: ['/root/.cache/huggingface'],
  sharedMemoryGiB: 32,
})
