import { mean, type SignalTable, sum } from '../table/signals.ts'

/** vllm/v1/metrics/loggers.py. `prefix`: how whoever re-exports them writes it. */
export const vllmSignals = (prefix = 'vllm:'): SignalTable => ({
  running: sum(`${prefix}num_requests_running`),
  waiting: sum(`${prefix}num_requests_waiting`),
  // The second name is that of versions before 0.10.
  kvUsage: mean(`${prefix}kv_cache_usage_perc`, `${prefix}gpu_cache_usage_perc`),
  kvCapacity: { metric: `${prefix}cache_config_info`, labels: ['block_size', 'num_gpu_blocks'] },
  promptTokensTotal: sum(`${prefix}prompt_tokens_total`),
  generationTokensTotal: sum(`${prefix}generation_tokens_total`),
  prefixHitTokensTotal: sum(
    `${prefix}prefix_cache_hits_total`,
    `${prefix}gpu_prefix_cache_hits_total`,
  ),
  prefixQueryTokensTotal: sum(
    `${prefix}prefix_cache_queries_total`,
    `${prefix}gpu_prefix_cache_queries_total`,
  ),
  finishedTotal: sum(`${prefix}request_success_total`),
  preemptionsTotal: sum(`${prefix}num_preemptions_total`),
  draftTokensTotal: sum(`${prefix}spec_decode_num_draft_tokens_total`),
  acceptedTokensTotal: sum(`${prefix}spec_decode_num_accepted_tokens_total`),
  ttft: [`${prefix}time_to_first_token_seconds`],
  queue: [`${prefix}request_queue_time_seconds`],
})
