import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import fitted from './fitted.json' with { type: 'json' }

/** llama-server: one cache of --ctx-size tokens, cut into --parallel slots. */
export const llamaModel: EngineModel = {
  name: 'llama',
  aliases: ['llama.cpp', 'llama-server', 'llamacpp'],
  memory: {
    shareOf: 'free',
    defaultShare: 0.95,
    highestShare: 1,
    blockTokens: 1,
    reservedBlocks: 0,
    workspaceBytes: 0.5e9,
    bytesPerVocabularyEntry: 2048,
    bytesPerActivation: 4,
    freeBatchedTokens: 512,
    visionBytes: 1e9,
    reserves: 'in-advance',
    defaultKvBytes: { plain: 2, quantised: 2, newest: 2 },
  },
  scheduling: {
    mixesPrefill: true,
    maxSequences: { large: 1, small: 1 },
    batchedTokens: { large: 512, small: 512 },
    largeDeviceBytes: 70 * 2 ** 30,
    smallArchitectures: [],
  },
  startup: {
    bootS: 0.5,
    compiles: false,
    compileS: 0,
    compileLayerS: 0,
    firstCompile: 1,
    profileS: 0.2,
    captureLayerS: 0,
    source: 'the embedded engine on this project’s machine: 0.35 to 0.6 s beside the file',
  },
  bursts: { dense: 0, experts: 0, fp4: 0, ttft: 0, tpot: 0 },
  fitted: readFitted(fitted),
  knobs: [
    { name: 'pipelineParallel', flag: '--split-mode', about: 'how layers go to devices' },
    { name: 'maxSequences', flag: '--parallel', about: 'slots' },
    { name: 'batchedTokens', flag: '--ubatch-size', about: 'tokens in one step' },
    { name: 'contextMax', flag: '--ctx-size', about: 'tokens of all slots together' },
    { name: 'kvPrecision', flag: '--cache-type-k', about: 'precision of the cache' },
    { name: 'speculative', flag: '--model-draft', about: 'draft model' },
  ],
  capabilities: {
    kinds: ['decoder', 'encoder'],
    weightPrecisions: ['bf16', 'int8', 'int4', 'mxfp4'],
    kvPrecisions: ['bf16', 'int8', 'int4'],
    parallelism: ['pp'],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: ['draft'],
    offload: ['cpu'],
    disaggregates: false,
    vendors: ['nvidia', 'amd', 'intel', 'apple', 'huawei', 'cpu'],
    loadsGguf: true,
  },
}
