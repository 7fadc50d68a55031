import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import fitted from './fitted.json' with { type: 'json' }

/** SGLang: prefill goes before decoding. Defaults: python/sglang/srt/server_args.py. */
export const sglangModel: EngineModel = {
  name: 'sglang',
  aliases: [],
  memory: {
    shareOf: 'device',
    defaultShare: 0.88,
    highestShare: 0.94,
    blockTokens: 1,
    reservedBlocks: 0,
    workspaceBytes: 0.5e9,
    bytesPerVocabularyEntry: 0,
    bytesPerActivation: 0,
    freeBatchedTokens: 8192,
    visionBytes: 1e9,
    reserves: 'as-it-grows',
    defaultKvBytes: { plain: 2, quantised: 2, newest: 2 },
  },
  scheduling: {
    mixesPrefill: false,
    maxSequences: { large: 2048, small: 1024 },
    draftedSequences: 48,
    batchedTokens: { large: 8192, small: 4096 },
    largeDeviceBytes: 70 * 2 ** 30,
    smallArchitectures: [],
  },
  startup: {
    bootS: 18,
    compiles: false,
    compileS: 0,
    compileLayerS: 0,
    firstCompile: 1,
    profileS: 2.9,
    captureLayerS: 0.043,
    source: 'not measured: as vLLM without compilation',
  },
  fitted: readFitted(fitted),
  knobs: [
    { name: 'tensorParallel', flag: '--tp-size', about: 'devices that share one layer' },
    { name: 'pipelineParallel', flag: '--pp-size', about: 'stages of layers' },
    {
      name: 'dataParallel',
      flag: '--dp-size',
      about: 'replicas, or attention ranks with --enable-dp-attention',
    },
    { name: 'expertParallel', flag: '--ep-size', about: 'ranks that experts spread over' },
    { name: 'maxSequences', flag: '--max-running-requests', about: 'sequences in one step' },
    { name: 'batchedTokens', flag: '--chunked-prefill-size', about: 'prompt tokens in one step' },
    { name: 'memoryShare', flag: '--mem-fraction-static', about: 'share for weights and cache' },
    { name: 'contextMax', flag: '--context-length', about: 'longest sequence' },
    { name: 'kvPrecision', flag: '--kv-cache-dtype', about: 'precision of the cache' },
    {
      name: 'prefixCaching',
      flag: '--disable-radix-cache',
      about: 'switches off reuse of common beginnings',
    },
    { name: 'speculative', flag: '--speculative-algorithm', about: 'draft model or heads' },
  ],
  capabilities: {
    weightPrecisions: ['bf16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4'],
    kvPrecisions: ['bf16', 'fp8'],
    parallelism: ['tp', 'pp', 'dp', 'ep'],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: ['draft', 'ngram', 'eagle', 'mtp'],
    disaggregates: true,
    vendors: ['nvidia', 'amd', 'intel', 'huawei', 'cpu'],
  },
}
