import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import { capturingStart, knobsOf } from '../model-parts.ts'
import fitted from './fitted.json' with { type: 'json' }

/** TensorRT-LLM: the cache takes a share of what is left after loading, blocks are reserved in advance. */
export const trtllmModel: EngineModel = {
  name: 'trtllm',
  aliases: ['tensorrt-llm', 'tensorrt-llm+triton', 'tensorrt-llm/tensorrt', 'tensorrt'],
  memory: {
    shareOf: 'free',
    defaultShare: 0.9,
    highestShare: 0.95,
    blockTokens: 32,
    reservedBlocks: 0,
    workspaceBytes: 2e9,
    bytesPerVocabularyEntry: 0,
    bytesPerActivation: 2,
    freeBatchedTokens: 8192,
    visionBytes: 1e9,
    reserves: 'as-it-grows',
    defaultKvBytes: { plain: 2, quantised: 1, newest: 1 },
  },
  scheduling: {
    mixesPrefill: true,
    maxSequences: { large: 2048, small: 2048 },
    batchedTokens: { large: 8192, small: 8192 },
    largeDeviceBytes: 70 * 2 ** 30,
    smallArchitectures: [],
  },
  startup: capturingStart,
  bursts: { dense: 0.091, experts: -0.347, fp4: -0.234, ttft: 1.122, tpot: 0.458 },
  fitted: readFitted(fitted),
  knobs: knobsOf({
    tensorParallel: '--tp_size',
    pipelineParallel: '--pp_size',
    expertParallel: '--ep_size',
    maxSequences: '--max_batch_size',
    batchedTokens: '--max_num_tokens',
    memoryShare: ['kv_cache_config.free_gpu_memory_fraction', 'share of free memory for the cache'],
    contextMax: '--max_seq_len',
  }),
  capabilities: {
    kinds: ['decoder', 'encoder-decoder'],
    weightPrecisions: ['bf16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4'],
    kvPrecisions: ['bf16', 'fp8', 'int8'],
    parallelism: ['tp', 'pp', 'dp', 'ep'],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: ['draft', 'ngram', 'eagle', 'medusa', 'mtp', 'lookahead'],
    adapters: true,
    offload: [],
    disaggregates: true,
    vendors: ['nvidia'],
  },
}
