import { describe, expect, it } from 'vitest'
import type { EngineSignals } from './engine.ts'
import { findEngine } from './index.ts'

/** Pages in the engines' own form: names, labels and units of each. */
const pages: readonly {
  readonly engine: string
  readonly about: string
  readonly page: string
  readonly signals: Partial<EngineSignals>
}[] = [
  {
    engine: 'vllm',
    about: 'two data-parallel ranks',
    page: `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="qwen"} 3.0
vllm:num_requests_running{engine="1",model_name="qwen"} 5.0
vllm:num_requests_waiting{engine="0",model_name="qwen"} 0.0
vllm:num_requests_waiting{engine="1",model_name="qwen"} 2.0
vllm:num_requests_waiting_by_reason{engine="1",model_name="qwen",reason="capacity"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="qwen"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="qwen"} 0.75
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="1",num_gpu_blocks="1000"} 1.0
vllm:prompt_tokens_total{engine="0",model_name="qwen"} 1.5e+03
vllm:generation_tokens_total{engine="0",model_name="qwen"} 700.0
vllm:prefix_cache_queries_total{engine="0",model_name="qwen"} 1500.0
vllm:prefix_cache_hits_total{engine="0",model_name="qwen"} 512.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="qwen"} 8.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="qwen"} 2.0
vllm:num_preemptions_total{engine="0",model_name="qwen"} 1.0
vllm:iteration_tokens_total_sum{engine="0",model_name="qwen"} 99.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="qwen"} 10.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="qwen"} 10.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="qwen"} 2.5
`,
    signals: {
      running: 8,
      waiting: 2,
      kvUsage: 0.5,
      kvCapacityTokens: 32_000,
      promptTokensTotal: 1500,
      generationTokensTotal: 700,
      prefixHitTokensTotal: 512,
      prefixQueryTokensTotal: 1500,
      finishedTotal: 10,
      preemptionsTotal: 1,
      ttftSeconds: { sum: 2.5, count: 10 },
      queueSeconds: null,
      draftTokensTotal: null,
    },
  },
  {
    engine: 'vllm',
    about: '0.32.0 on a CPU, as it was, cut to what matters',
    page: `vllm:num_requests_running{engine="0",model_name="mini"} 0.0
vllm:num_requests_waiting{engine="0",model_name="mini"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="mini",reason="capacity"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="mini",reason="deferred"} 0.0
vllm:engine_sleep_state{engine="0",model_name="mini",sleep_state="awake"} 1.0
vllm:engine_sleep_state{engine="0",model_name="mini",sleep_state="weights_offloaded"} 0.0
vllm:engine_sleep_state{engine="0",model_name="mini",sleep_state="discard_all"} 0.0
vllm:kv_cache_usage_perc{engine="0",model_name="mini"} 0.0
vllm:prefix_cache_queries_total{engine="0",model_name="mini"} 15491.0
vllm:prefix_cache_queries_created{engine="0",model_name="mini"} 1.7957496881027884e+09
vllm:prefix_cache_hits_total{engine="0",model_name="mini"} 0.0
vllm:prefix_cache_hits_created{engine="0",model_name="mini"} 1.7957496881028132e+09
vllm:num_preemptions_total{engine="0",model_name="mini"} 0.0
vllm:prompt_tokens_total{engine="0",model_name="mini"} 15491.0
vllm:prompt_tokens_created{engine="0",model_name="mini"} 1.795749688102958e+09
vllm:prompt_tokens_by_source_total{engine="0",model_name="mini",source="local_compute"} 15491.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="mini",source="local_cache_hit"} 0.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="mini",source="external_kv_transfer"} 0.0
vllm:generation_tokens_total{engine="0",model_name="mini"} 6859.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="mini"} 1.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="mini"} 117.0
vllm:request_success_total{engine="0",finished_reason="abort",model_name="mini"} 0.0
vllm:request_success_total{engine="0",finished_reason="error",model_name="mini"} 0.0
vllm:request_success_total{engine="0",finished_reason="repetition",model_name="mini"} 0.0
vllm:admission_rejections_total{model_name="mini",reason="max_num_queued_reqs"} 0.0
vllm:admission_rejections_total{model_name="mini",reason="max_num_queued_tokens"} 0.0
vllm:iteration_tokens_total_count{engine="0",model_name="mini"} 3078.0
vllm:iteration_tokens_total_sum{engine="0",model_name="mini"} 22350.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="mini"} 118.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="mini"} 34.62845325469971
vllm:request_queue_time_seconds_count{engine="0",model_name="mini"} 118.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="mini"} 0.002879638035665266
vllm:cache_config_info{_block_size_resolved="True",block_size="128",cache_dtype="auto",effective_attention_block_size="128",enable_prefix_caching="True",engine="0",gpu_memory_utilization="0.1",kv_cache_memory_bytes="None",kv_cache_size_tokens="356224",num_cpu_blocks="None",num_gpu_blocks="2783",num_gpu_blocks_override="None",prefix_caching_hash_algo="sha256"} 1.0
`,
    signals: {
      running: 0,
      waiting: 0,
      kvUsage: 0,
      kvCapacityTokens: 356_224,
      promptTokensTotal: 15_491,
      generationTokensTotal: 6859,
      prefixHitTokensTotal: 0,
      prefixQueryTokensTotal: 15_491,
      finishedTotal: 118,
      preemptionsTotal: 0,
      ttftSeconds: { sum: 34.62845325469971, count: 118 },
      queueSeconds: { sum: 0.002879638035665266, count: 118 },
      draftTokensTotal: null,
    },
  },
  {
    engine: 'vllm',
    about: 'before 0.10',
    page: `vllm:gpu_cache_usage_perc{model_name="a \\"}b"} 0.5 1700000000000
vllm:gpu_prefix_cache_hits_total{model_name="x"} 3
nonsense`,
    signals: { kvUsage: 0.5, prefixHitTokensTotal: 3, running: null },
  },
  {
    engine: 'sglang',
    about: 'cached tokens by source, once',
    page: `# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="qwen",pp_rank="0",tp_rank="0"} 4.0
sglang:num_queue_reqs{engine_type="unified",model_name="qwen",pp_rank="0",tp_rank="0"} 1.0
sglang:token_usage{engine_type="unified",model_name="qwen",pp_rank="0",tp_rank="0"} 0.28
sglang:cache_config_info{page_size="64",num_pages="500"} 1.0
sglang:prompt_tokens_total{model_name="qwen"} 800.0
sglang:generation_tokens_total{model_name="qwen"} 300.0
sglang:num_requests_total{is_streaming="true",model_name="qwen"} 5.0
sglang:num_requests_total{is_streaming="false",model_name="qwen"} 2.0
sglang:cached_tokens_total{cache_source="device",model_name="qwen"} 100.0
sglang:cached_tokens_total{cache_source="host",model_name="qwen"} 28.0
sglang:cached_tokens_total{cache_source="total",model_name="qwen"} 128.0
sglang:queue_time_seconds_sum{model_name="qwen"} 1.5
sglang:queue_time_seconds_count{model_name="qwen"} 7.0
`,
    signals: {
      running: 4,
      waiting: 1,
      kvUsage: 0.28,
      kvCapacityTokens: 32_000,
      prefixHitTokensTotal: 128,
      finishedTotal: 7,
      queueSeconds: { sum: 1.5, count: 7 },
    },
  },
  {
    engine: 'trtllm',
    about: 'capacity as a product',
    page: `trtllm_num_requests_running{engine_type="trtllm",model_name="qwen"} 2
trtllm_kv_cache_utilization{engine_type="trtllm",model_name="qwen"} 0.5
trtllm_kv_cache_max_blocks{engine_type="trtllm",model_name="qwen"} 100
trtllm_kv_cache_tokens_per_block{engine_type="trtllm",model_name="qwen"} 32
trtllm_request_success_total{finished_reason="stop",model_name="qwen"} 4
`,
    signals: { running: 2, kvUsage: 0.5, kvCapacityTokens: 3200, finishedTotal: 4 },
  },
  {
    engine: 'llama-server',
    about: 'b9844, as it ran here',
    page: `# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 42
llamacpp:prompt_seconds_total 0.682
llamacpp:tokens_predicted_total 15
llamacpp:n_decode_total 16
llamacpp:predicted_tokens_seconds nan
llamacpp:requests_processing 1
llamacpp:requests_deferred 0
llamacpp:n_busy_slots_per_decode 1
`,
    signals: {
      running: 1,
      waiting: 0,
      promptTokensTotal: 42,
      generationTokensTotal: 15,
      kvUsage: null,
    },
  },
  {
    engine: 'tgi',
    about: 'sums of histograms',
    page: `tgi_queue_size 3
tgi_batch_current_size 12
tgi_request_input_length_sum 1000
tgi_request_generated_tokens_sum 250
tgi_request_success 9
tgi_request_queue_duration_sum 0.5
tgi_request_queue_duration_count 9
`,
    signals: {
      running: 12,
      waiting: 3,
      promptTokensTotal: 1000,
      finishedTotal: 9,
      queueSeconds: { sum: 0.5, count: 9 },
    },
  },
  {
    engine: 'lmdeploy',
    about: 'its own prefix',
    page: `lmdeploy:num_requests_running{engine="0",model_name="qwen"} 6.0
lmdeploy:gpu_cache_usage_perc{engine="0",model_name="qwen"} 0.1
lmdeploy:request_success_total{engine="0",finished_reason="stop",model_name="qwen"} 3.0
`,
    signals: { running: 6, kvUsage: 0.1, finishedTotal: 3 },
  },
  {
    engine: 'mlc',
    about: 'tabs, no types',
    page: 'engine_prefill_time_sum\t1.25\nprompt_tokens_sum\t64\ncompletion_tokens_sum\t32\n',
    signals: { promptTokensTotal: 64, generationTokensTotal: 32, running: null },
  },
  {
    engine: 'ray',
    about: "vLLM's names with Ray's labels",
    page: 'ray_vllm_num_requests_running{Component="core_worker",ReplicaId="x",model_name="qwen"} 2.0\n',
    signals: { running: 2 },
  },
  {
    engine: 'dynamo',
    about: "the frontend's",
    page: `dynamo_frontend_inflight_requests{model="qwen"} 4
dynamo_frontend_queued_requests{model="qwen"} 1
dynamo_frontend_output_tokens_total{model="qwen"} 99
`,
    signals: { running: 4, waiting: 1, generationTokensTotal: 99 },
  },
]

describe('metrics pages', () => {
  it('of several replicas are read for those that are meant', () => {
    const page = `ray_vllm_num_requests_running{ReplicaId="x",WorkerId="1"} 2.0
ray_vllm_num_requests_running{ReplicaId="y",WorkerId="2"} 5.0
ray_vllm_num_requests_running{ReplicaId="",WorkerId="3"} 7.0
`
    const ray = findEngine('ray')
    expect(ray.parseMetrics(page, new Set(['y'])).running).toBe(5)
    expect(ray.parseMetrics(page, new Set(['x', 'y'])).running).toBe(7)
    expect(ray.parseMetrics(page, new Set()).running).toBeNull()
    expect(ray.parseMetrics(page).running).toBe(14)
  })

  it.each(pages)('$engine: $about', ({ engine, page, signals }) => {
    expect(findEngine(engine).parseMetrics(page)).toMatchObject(signals)
  })
})
