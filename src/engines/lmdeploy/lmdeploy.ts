import type { Said } from '../table/flat-settings.ts'
import { createEngine } from '../table/create-engine.ts'
import { groupArguments } from '../table/group-arguments.ts'
import { cant, custom, flag, type Rule, since, spelling, toggle } from '../table/rule.ts'
import { mean, sum } from '../table/signals.ts'
import { orElse } from '../settings-said.ts'

/** LMDeploy 0.16: lmdeploy/cli/serve.py. */
const rules: readonly Rule[] = [
  flag('contextTokens', '--session-len'),
  flag('sequencesMax', '--max-batch-size'),
  flag('batchTokens', '--max-prefill-token-num'),
  flag('queueMax', '--max-concurrent-requests', (waiting, { settings }) =>
    Math.max(1, waiting + orElse(settings.sequencesMax, 0)),
  ),
  flag('memoryShare', '--cache-max-entry-count'),
  custom('weightPrecision', ['--dtype', '--model-format'], (precision) => {
    const dtype = { bf16: 'bfloat16', fp16: 'float16' }[precision as string]
    if (dtype) return { argv: ['--dtype', dtype] }
    return precision === 'fp8' || precision === 'mxfp4'
      ? { argv: ['--model-format', precision] }
      : cant('the checkpoint decides it: name one that is quantised (AWQ, GPTQ)')
  }),
  flag(
    'kvPrecision',
    '--quant-policy',
    // Numbers are what every version takes.
    spelling<Said<'kvPrecision'>>(
      { bf16: '0', fp16: '0', int8: '8', int4: '4', fp8: '16' },
      'LMDeploy keeps KV in the precision of the model, int8, int4 or fp8',
    ),
  ),
  flag('tensorParallel', '--tp'),
  flag('dataParallel', '--dp'),
  flag('expertParallel', '--ep'),
  toggle('prefixCaching', '--enable-prefix-caching', null),
  toggle('chunkedPrefill', null, cant('LMDeploy always takes prompts in pieces')),
  custom('compileLevel', ['--eager-mode'], (level) =>
    level === 0 ? { argv: ['--eager-mode'] } : {},
  ),
  since(
    '0.11.0',
    custom('speculation', ['--speculative-algorithm'], (speculation) => {
      if (speculation === 'off') return {}
      const { method, model, tokens } = speculation
      const algorithm = { eagle: 'eagle', eagle3: 'eagle3', mtp: 'deepseek_mtp' }[method as string]
      return algorithm
        ? {
            argv: [
              '--speculative-algorithm',
              algorithm,
              ...(model === undefined ? [] : ['--speculative-draft-model', model]),
              '--speculative-num-draft-tokens',
              String(orElse(tokens, 1)),
            ],
          }
        : cant(`LMDeploy has eagle, eagle3 and mtp, not ${method}`)
    }),
  ),
  custom('lora.adapters', ['--adapters'], (adapters) => ({
    argv: ['--adapters', ...adapters.map(({ name, path }) => `${name}=${path}`)],
  })),
  custom('role', ['--role'], (role) => ({
    argv: ['--role', role === 'prefill' ? 'Prefill' : 'Decode'],
  })),
  flag('toolParser', '--tool-call-parser'),
  flag('reasoningParser', '--reasoning-parser'),
  flag('trustRemoteCode', '--trust-remote-code', () => true),
]

export const lmdeployEngine = createEngine({
  name: 'lmdeploy',
  about: 'LMDeploy (TurboMind or PyTorch)',
  tasks: ['generate'],
  newestVersion: '0.16.0',
  inspection: { version: ['--version'], help: ['serve', 'api_server', '--help'] },
  images: { any: 'openmmlab/lmdeploy:v{version}-cu12' },
  command: ({ spec, servedName }) => ({
    argv: [
      'lmdeploy',
      'serve',
      'api_server',
      spec.modelPath,
      '--model-name',
      servedName,
      '--server-name',
      spec.host,
      '--server-port',
      String(spec.port),
      // Else a client that goes away goes on costing.
      '--enable-abort-handling',
      ...groupArguments(spec),
    ],
  }),
  rules,
  spansNodes: true,
  adapters: { nameOf: (_, adapter) => adapter },
  why: {
    sleepMode: 'POST /sleep and /wakeup are always there',
    pipelineParallel: 'LMDeploy cuts layers across devices alone: tensorParallel',
  },
  forbiddenFlags: `
    --api-keys --ssl --proxy-url --allow-terminate-by-client --disable-metrics --server-name
    --server-port --chat-template --download-dir --hf-overrides`,
  health: { path: '/health', loading: [503] },
  metricsPath: '/metrics',
  signals: {
    running: sum('lmdeploy:num_requests_running'),
    waiting: sum('lmdeploy:num_requests_waiting'),
    kvUsage: mean('lmdeploy:gpu_cache_usage_perc'),
    promptTokensTotal: sum('lmdeploy:prompt_tokens_total'),
    generationTokensTotal: sum('lmdeploy:generation_tokens_total'),
    prefixHitTokensTotal: sum('lmdeploy:cached_tokens_total'),
    prefixQueryTokensTotal: sum('lmdeploy:prompt_tokens_total'),
    finishedTotal: sum('lmdeploy:request_success_total'),
    ttft: ['lmdeploy:time_to_first_token_seconds'],
    queue: ['lmdeploy:request_queue_time_seconds'],
  },
  drain: { timeoutS: 60, extraS: 10, how: () => 'before' },
  caches: ['/root/.cache/huggingface'],
  sharedMemoryGiB: 8,
})
