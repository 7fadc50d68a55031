import { createEngine } from '../table/create-engine.ts'
import { flag, type Rule } from '../table/rule.ts'

/** DeepSpeed-MII (FastGen) 0.3.4, dormant since 2025-06: mii/entrypoints/openai_api_server.py. */
const rules: readonly Rule[] = [
  flag('contextTokens', '--max-length'),
  flag('tensorParallel', '--tensor-parallel'),
  flag('dataParallel', '--replica-num'),
]

export const miiEngine = createEngine({
  name: 'mii',
  about: 'DeepSpeed-MII, FastGen (dormant)',
  tasks: ['generate'],
  newestVersion: '0.3.4',
  images: null,
  command: ({ spec, servedName, settings }) => ({
    argv: [
      'python3',
      '-m',
      'mii.entrypoints.openai_api_server',
      '--model',
      spec.modelPath,
      '--deployment-name',
      servedName,
      '--host',
      spec.host,
      '--port',
      String(spec.port),
    ],
    warnings:
      settings.gpu === 'off'
        ? ['gpu: DeepSpeed-MII runs on GPUs alone']
        : [
            'devices: DeepSpeed-MII does not heed CUDA_VISIBLE_DEVICES; give it a container that sees only its own',
          ],
  }),
  rules,
  why: {
    queueMax: 'MII bounds no queue; the gateway sheds what waits too long',
    chunkedPrefill: 'FastGen always splits and fuses prompts',
    'offload.nvmePath': 'ZeRO-Inference is of DeepSpeed itself, not of its server',
  },
  forbiddenFlags: '--api-keys --ssl --load-balancer --chat-template --response-role',
  health: { path: '/health', loading: [503] },
  metricsPath: null,
  signals: {},
  drain: { timeoutS: 30, extraS: 5, how: () => 'before' },
  caches: ['/root/.cache/huggingface'],
  sharedMemoryGiB: 1,
})
