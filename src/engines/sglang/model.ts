import type { EngineModel } from '../../core/engine-model.ts'
import { readFitted } from '../../core/fitted-engine.ts'
import { capturingStart, knobsOf } from '../model-parts.ts'
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
    // The next step is not decided while a drafted one runs, unless SGLANG_ENABLE_SPEC_V2 is set (sgl-project/sglang#11762). InferenceX's
    // drafted runs of DeepSeek-R1 and of Qwen3.5 under 0.5.9 both take 0.1 to 0.15 ms a sequence and step longer for it.
    draftedHost: 3.7,
    batchedTokens: { large: 8192, small: 4096 },
    largeDeviceBytes: 70 * 2 ** 30,
    smallArchitectures: [],
  },
  startup: capturingStart,
  bursts: { dense: -0.016, experts: 0.088, fp4: -0.965, ttft: 0.551, tpot: 0.451 },
  fitted: readFitted(fitted),
  knobs: knobsOf({
    tensorParallel: '--tp-size',
    pipelineParallel: '--pp-size',
    dataParallel: ['--dp-size', 'replicas, or attention ranks with --enable-dp-attention'],
    expertParallel: '--ep-size',
    maxSequences: '--max-running-requests',
    batchedTokens: ['--chunked-prefill-size', 'prompt tokens in one step'],
    memoryShare: ['--mem-fraction-static', 'share for weights and cache'],
    contextMax: '--context-length',
    kvPrecision: '--kv-cache-dtype',
    prefixCaching: ['--disable-radix-cache', 'switches off reuse of common beginnings'],
    speculative: '--speculative-algorithm',
  }),
  capabilities: {
    kinds: ['decoder', 'encoder'],
    weightPrecisions: ['bf16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4'],
    kvPrecisions: ['bf16', 'fp8'],
    parallelism: ['tp', 'pp', 'dp', 'ep'],
    prefixCaching: true,
    chunkedPrefill: true,
    speculative: ['draft', 'ngram', 'eagle', 'mtp'],
    adapters: true,
    offload: ['host'],
    disaggregates: true,
    vendors: ['nvidia', 'amd', 'intel', 'huawei', 'cpu'],
  },
}
