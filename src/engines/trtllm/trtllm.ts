import { stringify } from 'yaml'
import type { Said } from '../table/flat-settings.ts'
import { createEngine } from '../table/create-engine.ts'
import { nest } from '../table/nest.ts'
import { cant, custom, flag, key, type Rule, spelling, toggle } from '../table/rule.ts'
import { sharedRanks } from '../table/shared-ranks.ts'
import { mean, sum } from '../table/signals.ts'
import { orElse } from '../settings-said.ts'
import { trtllmPairing } from './pairing.ts'

/** `trtllm-serve`: tensorrt_llm/commands/serve.py, and LlmArgs in a file. No key stands in both: versions differ in which one wins. */
const rules: readonly Rule[] = [
  flag('contextTokens', '--max_seq_len'),
  flag('sequencesMax', '--max_batch_size'),
  flag('batchTokens', '--max_num_tokens', (tokens, { settings }) =>
    Math.max(tokens, orElse(settings.sequencesMax, 0)),
  ),
  // What the file says of the cache takes the place of all that flags say of it.
  key('memoryShare', 'kv_cache_config.free_gpu_memory_fraction'),
  key(
    'kvPrecision',
    'kv_cache_config.dtype',
    spelling<Said<'kvPrecision'>>(
      { bf16: 'auto', fp16: 'auto', fp8: 'fp8', nvfp4: 'nvfp4' },
      'TensorRT-LLM keeps KV in the precision of the model, fp8 or nvfp4',
    ),
  ),
  sharedRanks('--tp_size'),
  flag('pipelineParallel', '--pp_size'),
  // Attention ranks are the tensor ranks.
  custom('dataParallel', [], (ranks, { settings }) =>
    ranks === 1
      ? {}
      : {
          argv: settings.tensorParallel === 'auto' ? ['--tp_size', String(ranks)] : [],
          config: { enable_attention_dp: true },
        },
  ),
  flag('expertParallel', '--ep_size'),
  key('prefixCaching', 'kv_cache_config.enable_block_reuse', (value) => value === 'on'),
  toggle('chunkedPrefill', '--enable_chunked_prefill', null),
  key('attentionBackend', 'attn_backend'),
  custom('compileLevel', [], (level) => ({
    config:
      level === 0
        ? { cuda_graph_config: null }
        : {
            'cuda_graph_config.enable_padding': true,
            ...(level > 1 ? { torch_compile_config: {} } : {}),
          },
  })),
  key('graphSequencesMax', 'cuda_graph_config.max_batch_size'),
  custom('speculation', [], writeSpeculation),
  custom('lora.adapters', [], (adapters) => ({
    config: { 'lora_config.lora_dir': adapters.map(({ path }) => path) },
    note: 'TensorRT-LLM knows adapters by their place in the list, not by name',
  })),
  key('lora.loadedMax', 'lora_config.max_loras'),
  key('lora.rankMax', 'lora_config.max_lora_rank'),
  key('offload.kvGiB', 'kv_cache_config.host_cache_size', (gibibytes) => gibibytes * 2 ** 30),
  custom('role', ['--server_role'], (role, { settings }) => ({
    argv: ['--server_role', role === 'prefill' ? 'CONTEXT' : 'GENERATION'],
    config: {
      'cache_transceiver_config.backend': orElse(settings.kvTransfer, 'default').toUpperCase(),
      // Context servers have none yet (examples/disaggregated/README.md).
      ...(role === 'prefill' ? { disable_overlap_scheduler: true } : {}),
    },
  })),
  custom('kvTransfer', [], (_, { settings }) =>
    settings.role === 'both' ? cant('only with role: prefill or decode') : {},
  ),
  flag('toolParser', '--tool_parser'),
  flag('reasoningParser', '--reasoning_parser'),
  flag('trustRemoteCode', '--trust_remote_code', () => true),
]

const types: Readonly<Record<string, string>> = {
  draft: 'Draft_Target',
  ngram: 'NGram',
  lookahead: 'Lookahead',
  medusa: 'Medusa',
  eagle: 'Eagle',
  eagle3: 'Eagle3',
  mtp: 'MTP',
}

function writeSpeculation(speculation: Said<'speculation'>) {
  if (speculation === 'off') return {}
  const { method, model, tokens } = speculation
  const type = types[method]
  if (!type) return cant(`TensorRT-LLM has ${Object.keys(types).join(', ')}, not ${method}`)
  const drafts = orElse(tokens, 3)
  return {
    config: {
      'speculative_config.decoding_type': type,
      ...(method === 'mtp'
        ? { 'speculative_config.num_nextn_predict_layers': drafts }
        : { 'speculative_config.max_draft_len': drafts }),
      ...(model === undefined ? {} : { 'speculative_config.speculative_model_dir': model }),
    },
  }
}

export const trtllmEngine = createEngine({
  name: 'trtllm',
  about: 'TensorRT-LLM, trtllm-serve',
  tasks: ['generate'],
  newestVersion: '1.3.0rc23',
  inspection: { version: null, help: ['--help'] },
  images: { nvidia: 'nvcr.io/nvidia/tensorrt-llm/release:{version}' },
  command: ({ spec }, { config }) => ({
    argv: [
      'trtllm-serve',
      spec.modelPath,
      '--host',
      spec.host,
      '--port',
      String(spec.port),
      '--config',
      '{files}/trtllm.yaml',
    ],
    // Without return_perf_metrics there is no Prometheus page.
    files: { 'trtllm.yaml': stringify(nest({ return_perf_metrics: true, ...config })) },
  }),
  rules,
  pairing: () => ({ protocol: trtllmPairing.name, alone: {} }),
  why: {
    queueMax: 'trtllm-serve bounds no queue; the gateway sheds what waits too long',
    weightPrecision: 'the checkpoint decides it: name one that is quantised (ModelOpt)',
    'offload.weightsGiB': 'TensorRT-LLM keeps all weights on devices',
  },
  forbiddenFlags: `
    --extra_llm_api_options --config --metadata_server_config_file --chat_template
    --tokenizer --backend --custom_module_dirs`,
  health: { path: '/health', livenessPath: '/health_generate', loading: [503] },
  metricsPath: '/prometheus/metrics',
  signals: {
    running: sum('trtllm_num_requests_running'),
    waiting: sum('trtllm_num_requests_waiting'),
    kvUsage: mean('trtllm_kv_cache_utilization'),
    kvCapacity: { product: ['trtllm_kv_cache_max_blocks', 'trtllm_kv_cache_tokens_per_block'] },
    promptTokensTotal: sum('trtllm_prompt_tokens_total'),
    generationTokensTotal: sum('trtllm_generation_tokens_total'),
    prefixHitTokensTotal: sum(
      'trtllm_prompt_cached_tokens_total',
      'trtllm_prompt_cache_hit_tokens_total',
    ),
    prefixQueryTokensTotal: sum('trtllm_prompt_tokens_total'),
    finishedTotal: sum('trtllm_request_success_total'),
    draftTokensTotal: sum('trtllm_spec_decode_num_draft_tokens_total'),
    acceptedTokensTotal: sum('trtllm_spec_decode_num_accepted_tokens_total'),
    ttft: ['trtllm_time_to_first_token_seconds'],
    queue: ['trtllm_request_queue_time_seconds'],
  },
  failures: [
    {
      pattern:
        /(?:Executor worker returned error|Failed to initialize executor)[^\n]*out of memory/i,
      code: 'engine/out-of-memory',
      message: 'the GPU has too little memory for the executor',
    },
    {
      pattern:
        /(?:No memory left for KV cache|cannot fit any[^\n]*kv ?cache|free memory[^\n]*KV cache[^\n]*(?:0\.00|negative))/i,
      code: 'engine/no-kv-room',
      message: 'the weights leave no memory for KV',
    },
  ],
  drain: {
    timeoutS: 60,
    extraS: 10,
    // The HTTP server stops at once.
    how: () => 'before',
  },
  caches: ['/root/.cache/huggingface', '/root/.cache/tensorrt_llm'],
  sharedMemoryGiB: 16,
})
