import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import { knobsOf, llamaCpp, plainStart } from '../model-parts.ts'
import fitted from './fitted.json' with { type: 'json' }

/** Baleen's own engine: `sequencesMax` sequences of `contextTokens` tokens, whose memory is taken when it starts. */
export const embeddedModel: EngineModel = {
  name: 'embedded',
  aliases: [],
  memory: {
    ...llamaCpp.memory,
    shareOf: 'free',
    defaultShare: 0.8,
    highestShare: 0.9,
    // Node, the library and its buffers: 239 MB with a model of 27 MB (bench/README.md).
    workspaceBytes: 0.25e9,
    visionBytes: 0,
  },
  scheduling: {
    mixesPrefill: true,
    maxSequences: { large: 8, small: 8 },
    batchedTokens: { large: 512, small: 512 },
    largeDeviceBytes: 0,
    smallArchitectures: [],
  },
  startup: plainStart(
    0.5,
    0.5,
    'on this project’s machine: 0.35 to 0.6 s beside the file, then it tries threads for 0.5 s',
  ),
  bursts: llamaCpp.bursts,
  fitted: readFitted(fitted),
  knobs: knobsOf({
    maxSequences: ['sequencesMax', 'sequences answered at once'],
    batchedTokens: 'batchTokens',
    contextMax: ['contextTokens', 'tokens of one sequence'],
  }),
  capabilities: {
    kinds: ['decoder'],
    weightPrecisions: ['bf16', 'int8', 'int4', 'mxfp4'],
    kvPrecisions: ['bf16'],
    parallelism: [],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: [],
    adapters: false,
    offload: [],
    // It was never seen on a GPU.
    vendors: ['cpu'],
    loadsGguf: true,
    disaggregates: false,
  },
}
