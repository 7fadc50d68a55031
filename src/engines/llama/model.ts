import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import { knobsOf, llamaCpp, plainStart } from '../model-parts.ts'
import fitted from './fitted.json' with { type: 'json' }

/** llama-server: one cache of --ctx-size tokens, cut into --parallel slots. */
export const llamaModel: EngineModel = {
  name: 'llama',
  aliases: ['llama.cpp', 'llama-server', 'llamacpp'],
  memory: {
    ...llamaCpp.memory,
    shareOf: 'free',
    defaultShare: 0.95,
    highestShare: 1,
    workspaceBytes: 0.5e9,
    visionBytes: 1e9,
  },
  scheduling: {
    mixesPrefill: true,
    maxSequences: { large: 1, small: 1 },
    batchedTokens: { large: 512, small: 512 },
    largeDeviceBytes: 70 * 2 ** 30,
    smallArchitectures: [],
  },
  startup: plainStart(
    0.5,
    0.2,
    'the embedded engine on this project’s machine: 0.35 to 0.6 s beside the file',
  ),
  bursts: llamaCpp.bursts,
  fitted: readFitted(fitted),
  knobs: knobsOf({
    pipelineParallel: ['--split-mode', 'how layers go to devices'],
    maxSequences: ['--parallel', 'slots'],
    batchedTokens: '--ubatch-size',
    contextMax: ['--ctx-size', 'tokens of all slots together'],
    kvPrecision: '--cache-type-k',
    speculative: ['--model-draft', 'draft model'],
  }),
  capabilities: {
    kinds: ['decoder', 'encoder'],
    weightPrecisions: ['bf16', 'int8', 'int4', 'mxfp4'],
    kvPrecisions: ['bf16', 'int8', 'int4'],
    parallelism: ['pp'],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: ['draft'],
    adapters: true,
    // Files are mapped: what host memory has no room for is read from the drive at every step.
    offload: ['cpu', 'nvme'],
    disaggregates: false,
    vendors: ['nvidia', 'amd', 'intel', 'apple', 'huawei', 'cpu'],
    loadsGguf: true,
  },
}
