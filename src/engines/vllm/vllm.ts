import { groupPort } from '../engine.ts'
import { sidePortOf } from '../pairing.ts'
import { orElse } from '../settings-said.ts'
import { createEngine } from '../table/create-engine.ts'
import type { TableContext } from '../table/engine-table.ts'
import { isAtLeast } from '../table/version.ts'
import { vllmFailures } from './failures.ts'
import { environmentOnCpu } from './on-cpu.ts'
import { vllmPairing } from './pairing.ts'
import { vllmRules } from './rules.ts'
import { vllmSignals } from './signals.ts'

export const vllmEngine = createEngine({
  name: 'vllm',
  about: 'vLLM, V1 engine',
  tasks: ['generate', 'embed'],
  newestVersion: '0.32.0',
  inspection: { version: ['--version'], help: ['serve', '--help=all'] },
  images: {
    amd: 'vllm/vllm-openai-rocm:v{version}',
    cpu: 'vllm/vllm-openai-cpu:v{version}',
    any: 'vllm/vllm-openai:v{version}',
  },
  command: (context) => {
    const { spec, servedName, version } = context
    return {
      argv: [
        'vllm',
        'serve',
        spec.modelPath,
        '--served-model-name',
        servedName,
        '--host',
        spec.host,
        '--port',
        String(spec.port),
        ...(spec.deployment.task === 'embed' ? embedding(version) : []),
        // Usage then tells how much of a prompt was in the cache.
        '--enable-prompt-tokens-details',
        ...(isAtLeast(version, '0.16.0')
          ? ['--disable-access-log-for-endpoints', '/health,/metrics']
          : []),
        ...nodes(context),
      ],
      env: {
        ...quiet,
        VLLM_MEDIA_URL_ALLOW_REDIRECTS: '0',
        ...environmentOnCpu(context),
        ...meeting(context),
      },
      warnings: /\.gguf$/i.test(spec.modelPath)
        ? [
            'model: the image of vLLM reads no GGUF; name a safetensors checkpoint, or install vllm-gguf-plugin',
          ]
        : [],
    }
  },
  rules: vllmRules,
  spansNodes: true,
  // Its other connectors want somebody between who speaks their own protocol.
  pairing: ({ settings }) =>
    orElse(settings.kvTransfer, 'nixl') === 'nixl'
      ? { protocol: vllmPairing.name, alone: {} }
      : null,
  adapters: {
    nameOf: (_, adapter) => adapter,
    calls: {
      load: (name, path) => ({
        path: '/v1/load_lora_adapter',
        body: { lora_name: name, lora_path: path },
      }),
      unload: (name) => ({ path: '/v1/unload_lora_adapter', body: { lora_name: name } }),
    },
  },
  why: {
    queueMax: 'older vLLM bounds no queue; the gateway sheds what waits too long',
    'offload.nvmePath': 'vLLM offloads to host memory; for disks use kvTransfer: lmcache',
    'offload.deviceLayers': 'vLLM offloads by size: offload.weightsGiB',
    'offload.cpuExpertLayers': 'vLLM offloads by size: offload.weightsGiB',
  },
  // Each of these opens a file, a socket or a door for code.
  forbiddenFlags: `
    --uds --config --grpc --middleware --root-path --allowed-local-media-path
    --tool-parser-plugin --reasoning-parser-plugin --worker-cls --worker-extension-cls
    --logits-processors --chat-template --trust-request-chat-template --ssl-ca-certs
    --download-dir --hf-config-path --hf-token --model-loader-extra-config --scheduler-cls
    --io-processor-plugin --additional-config --disable-log-stats`,
  health: { path: '/health', loading: [] },
  metricsPath: '/metrics',
  signals: vllmSignals(),
  failures: vllmFailures,
  drain: {
    timeoutS: 60,
    // Its processes took 15 s to end once the last answer had gone, on a busy CPU.
    extraS: 20,
    how: ({ version }) => (isAtLeast(version, '0.18.0') ? 'signal' : 'before'),
    tell: (timeoutS, { version }) =>
      isAtLeast(version, '0.18.0') ? { argv: ['--shutdown-timeout', String(timeoutS)] } : {},
  },
  caches: ['/root/.cache/vllm', '/root/.cache/huggingface'],
  sharedMemoryGiB: 8,
})

const embedding = (version: string): string[] =>
  isAtLeast(version, '0.11.0') ? ['--runner', 'pooling'] : ['--task', 'embed']

/** Where NIXL's agents find each other: each replica listens where it can be reached itself. */
const meeting = ({ spec, settings }: TableContext): Record<string, string> =>
  settings.role === 'both' || orElse(settings.kvTransfer, 'nixl') !== 'nixl'
    ? {}
    : {
        VLLM_NIXL_SIDE_CHANNEL_HOST: '{address}',
        VLLM_NIXL_SIDE_CHANNEL_PORT: String(sidePortOf(spec.port)),
      }

/** One replica over several nodes, without Ray. */
function nodes({ spec: { group } }: TableContext): string[] {
  if (!group) return []
  return [
    '--nnodes',
    String(group.nodes),
    '--node-rank',
    '{rank}',
    '--master-addr',
    '{leader}',
    '--master-port',
    String(groupPort),
    ...(group.isLeader ? [] : ['--headless']),
  ]
}

/** Nothing is told to anybody, and indices of devices mean what nvidia-smi says. */
const quiet = {
  CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
  DO_NOT_TRACK: '1',
  HF_HUB_DISABLE_TELEMETRY: '1',
  VLLM_NO_USAGE_STATS: '1',
}
