import { createEngine } from '../table/create-engine.ts'
import { cant, custom } from '../table/rule.ts'
import { sum } from '../table/signals.ts'
import { vllmFailures } from '../vllm/failures.ts'
import { vllmRules } from '../vllm/rules.ts'

/**
 * A frontend and a worker, in one replica: Dynamo's router finds its worker through a file, no etcd or NATS is needed.
 * Whichever ends first takes the other with it; the signal to end goes to both.
 */
const pair = [
  "trap 'kill -TERM $(jobs -p) 2>/dev/null' TERM INT",
  'python3 -m dynamo.frontend & python3 -m dynamo.vllm "$@" &',
  'wait -n; code=$?; kill -TERM $(jobs -p) 2>/dev/null; wait; exit $code',
].join('\n')

const notThroughDynamo: readonly string[] = ['role', 'lora.adapters', 'lora.dynamic', 'queueMax']

/** NVIDIA Dynamo 1.1 and later, with vLLM as its worker. */
export const dynamoEngine = createEngine({
  name: 'dynamo',
  about: 'NVIDIA Dynamo (vLLM worker)',
  tasks: ['generate'],
  newestVersion: '1.3.0',
  images: { nvidia: 'nvcr.io/nvidia/ai-dynamo/vllm-runtime:{version}' },
  command: ({ spec, servedName, settings }) => ({
    argv: [
      'bash',
      '-c',
      pair,
      'dynamo',
      '--model',
      spec.modelPath,
      '--served-model-name',
      servedName,
      ...(settings.role === 'both' ? [] : ['--disaggregation-mode', settings.role]),
    ],
    env: {
      DYN_HTTP_HOST: spec.host,
      DYN_HTTP_PORT: String(spec.port),
      DYN_DISCOVERY_BACKEND: 'file',
      DYN_REQUEST_PLANE: 'tcp',
      DYN_EVENT_PLANE: 'zmq',
      DYN_HEALTH_CHECK_ENABLED: 'true',
    },
  }),
  rules: [
    ...vllmRules.filter(({ setting, until }) => !until && !notThroughDynamo.includes(setting)),
    custom('role', [], () => ({})),
    custom('lora.dynamic', [], (value) => (value === 'on' ? cant('not through Dynamo') : {})),
  ],
  why: {
    queueMax: 'Dynamo bounds no queue; the gateway sheds what waits too long',
    'lora.adapters': 'Dynamo loads adapters while it runs, through an API of its own (/v1/loras)',
  },
  forbiddenFlags: '--middleware --worker-cls --tool-parser-plugin --config --download-dir',
  health: { path: '/health', loading: [503] },
  metricsPath: '/metrics',
  signals: {
    running: sum('dynamo_frontend_inflight_requests'),
    waiting: sum('dynamo_frontend_queued_requests'),
    promptTokensTotal: sum('dynamo_frontend_input_sequence_tokens_sum'),
    generationTokensTotal: sum('dynamo_frontend_output_tokens_total'),
    prefixHitTokensTotal: sum('dynamo_frontend_cached_tokens_sum'),
    prefixQueryTokensTotal: sum('dynamo_frontend_input_sequence_tokens_sum'),
    finishedTotal: sum('dynamo_frontend_requests_total'),
    ttft: ['dynamo_frontend_time_to_first_token_seconds'],
  },
  failures: vllmFailures,
  drain: {
    timeoutS: 60,
    extraS: 10,
    how: () => 'signal',
    tell: (timeoutS) => ({
      env: { DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS: String(Math.min(timeoutS, 5)) },
    }),
  },
  caches: ['/root/.cache/vllm', '/root/.cache/huggingface'],
  sharedMemoryGiB: 8,
})
