import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import fitted from './fitted.json' with { type: 'json' }

/** Baleen's own engine: `sequencesMax` sequences of `contextTokens` tokens, whose memory is taken when it starts. */
export const embeddedModel: EngineModel = {
  name: 'embedded',
  aliases: [],
  memory: {
    shareOf: 'free',
    defaultShare: 0.8,
    highestShare: 0.9,
    blockTokens: 1,
    reservedBlocks: 0,
    // Node, the library and its buffers: 239 MB with a model of 27 MB (bench/README.md).
    workspaceBytes: 0.25e9,
    bytesPerVocabularyEntry: 2048,
    bytesPerActivation: 4,
    freeBatchedTokens: 512,
    visionBytes: 0,
    reserves: 'in-advance',
    defaultKvBytes: { plain: 2, quantised: 2, newest: 2 },
  },
  scheduling: {
    mixesPrefill: true,
    maxSequences: { large: 8, small: 8 },
    batchedTokens: { large: 512, small: 512 },
    largeDeviceBytes: 0,
    smallArchitectures: [],
  },
  startup: {
    bootS: 0.5,
    compiles: false,
    compileS: 0,
    compileLayerS: 0,
    firstCompile: 1,
    profileS: 0.5,
    captureLayerS: 0,
    source:
      'on this project’s machine: 0.35 to 0.6 s beside the file, then it tries threads for 0.5 s',
  },
  bursts: { dense: 0, experts: 0, fp4: 0, ttft: 0, tpot: 0 },
  fitted: readFitted(fitted),
  knobs: [
    { name: 'maxSequences', flag: 'sequencesMax', about: 'sequences answered at once' },
    { name: 'batchedTokens', flag: 'batchTokens', about: 'tokens in one step' },
    { name: 'contextMax', flag: 'contextTokens', about: 'tokens of one sequence' },
  ],
  capabilities: {
    kinds: ['decoder'],
    weightPrecisions: ['bf16', 'int8', 'int4', 'mxfp4'],
    kvPrecisions: ['bf16'],
    parallelism: [],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: [],
    offload: [],
    // It was never seen on a GPU.
    vendors: ['cpu'],
    loadsGguf: true,
    disaggregates: false,
  },
}
