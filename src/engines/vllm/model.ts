import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import { knobsOf } from '../model-parts.ts'
import fitted from './fitted.json' with { type: 'json' }

/** vLLM, V1 scheduler. Defaults: vllm/engine/arg_utils.py; memory: vllm/v1/worker/gpu_worker.py. */
export const vllmModel: EngineModel = {
  name: 'vllm',
  aliases: ['vllm(fp16, splitwise testbed)'],
  memory: {
    shareOf: 'device',
    defaultShare: 0.9,
    highestShare: 0.95,
    blockTokens: 16,
    reservedBlocks: 0,
    workspaceBytes: 0.25e9,
    bytesPerVocabularyEntry: 7.3e3,
    bytesPerActivation: 2,
    freeBatchedTokens: 8192,
    visionBytes: 6e9,
    reserves: 'as-it-grows',
    defaultKvBytes: { plain: 2, quantised: 2, newest: 1 },
  },
  scheduling: {
    mixesPrefill: true,
    maxSequences: { large: 1024, small: 256 },
    batchedTokens: { large: 8192, small: 2048 },
    largeDeviceBytes: 70 * 2 ** 30,
    smallArchitectures: ['volta', 'turing', 'ampere'],
  },
  startup: {
    bootS: 18,
    compiles: true,
    compileS: 2.2,
    compileLayerS: 0.42,
    firstCompile: 2,
    profileS: 2.9,
    captureLayerS: 0.043,
    source:
      'startup profiles of vLLM 0.10.1 on A100, eleven models of 0.5B to 14B (arXiv 2606.07362); the first compilation from one report of twice that',
  },
  bursts: { dense: -0.163, experts: -0.175, fp4: -0.042, ttft: 0.673, tpot: 0.419 },
  fitted: readFitted(fitted),
  knobs: knobsOf({
    tensorParallel: '--tensor-parallel-size',
    pipelineParallel: '--pipeline-parallel-size',
    dataParallel: ['--data-parallel-size', 'attention ranks with caches of their own'],
    expertParallel: ['--enable-expert-parallel', 'whole experts on each rank'],
    maxSequences: '--max-num-seqs',
    batchedTokens: '--max-num-batched-tokens',
    memoryShare: ['--gpu-memory-utilization', 'share of the device to use'],
    contextMax: '--max-model-len',
    kvPrecision: '--kv-cache-dtype',
    prefixCaching: ['--enable-prefix-caching', 'reuse of common beginnings'],
    chunkedPrefill: ['--enable-chunked-prefill', 'prompts in pieces beside decoding'],
    speculative: '--speculative-config',
  }),
  capabilities: {
    kinds: ['decoder', 'encoder'],
    weightPrecisions: ['bf16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4'],
    kvPrecisions: ['bf16', 'fp8'],
    parallelism: ['tp', 'pp', 'dp', 'ep'],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: ['draft', 'ngram', 'eagle', 'medusa', 'mtp'],
    adapters: true,
    offload: ['host'],
    disaggregates: true,
    vendors: ['nvidia', 'amd', 'intel', 'google', 'aws', 'huawei', 'cpu'],
  },
}
