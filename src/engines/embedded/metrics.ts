import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { GenerationEnd } from './batch/generation.ts'

/** Counters and gauges, read when somebody asks. */
export interface MetricsSource {
  readonly running: number
  readonly waiting: number
  readonly kvUsage: number
  readonly promptTokens: number
  readonly generatedTokens: number
  readonly prefixQueryTokens: number
  readonly prefixHitTokens: number
}

export interface EngineMetrics {
  /** Prometheus text. */
  read(): Promise<string>
  /** Each generation as it ends. */
  observe(end: GenerationEnd): void
}

/** vLLM's names and buckets where they mean the same: dashboards and routers made for vLLM work unchanged. */
export function createMetrics(
  model: { readonly name: string; readonly kvTokens: number },
  source: () => MetricsSource,
): EngineMetrics {
  const registry = new Registry()
  registry.setDefaultLabels({ model_name: model.name, engine: '0' })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]

  for (const [name, help, read] of gauges)
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(source()))
      },
    })
  for (const [name, help, read] of counters)
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read(source()))
      },
    })
  new Gauge({
    name: 'vllm:cache_config_info',
    help: 'Memory for tokens of all sequences; a block is one token.',
    labelNames: ['block_size', 'num_gpu_blocks'],
    registers,
  }).set({ block_size: '1', num_gpu_blocks: String(model.kvTokens) }, 1)

  const success = new Counter({
    name: 'vllm:request_success_total',
    help: 'Answers that ended, by why.',
    labelNames: ['finished_reason'],
    registers,
  })
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers })
  const ttft = histogram(
    'vllm:time_to_first_token_seconds',
    'From arrival to the first token.',
    firstTokenBuckets,
  )
  const tpot = histogram(
    'vllm:request_time_per_output_token_seconds',
    'Mean time between tokens of one answer.',
    tokenBuckets,
  )
  const e2e = histogram(
    'vllm:e2e_request_latency_seconds',
    'From arrival to the end.',
    requestBuckets,
  )
  const queue = histogram(
    'vllm:request_queue_time_seconds',
    'From arrival until a sequence was free.',
    requestBuckets,
  )
  for (const reason of Object.values(finishedReasons)) success.inc({ finished_reason: reason }, 0)

  return {
    read: () => registry.metrics(),
    observe({ reason, timing, generatedTokens }) {
      const { arrivedMs, startedMs, firstTokenMs, endedMs } = timing
      success.inc({ finished_reason: finishedReasons[reason] })
      e2e.observe((endedMs - arrivedMs) / 1000)
      queue.observe(((startedMs ?? endedMs) - arrivedMs) / 1000)
      if (firstTokenMs === null) return
      ttft.observe((firstTokenMs - arrivedMs) / 1000)
      if (generatedTokens > 1) tpot.observe((endedMs - firstTokenMs) / 1000 / (generatedTokens - 1))
    },
  }
}

type Row = [name: string, help: string, read: (source: MetricsSource) => number]

const gauges: Row[] = [
  ['vllm:num_requests_running', 'Answers being made.', (source) => source.running],
  ['vllm:num_requests_waiting', 'Answers waiting for a sequence.', (source) => source.waiting],
  [
    'vllm:kv_cache_usage_perc',
    'Share of the memory for tokens in use, 0 to 1.',
    (source) => source.kvUsage,
  ],
]

const counters: Row[] = [
  ['vllm:prompt_tokens_total', 'Prompt tokens.', (source) => source.promptTokens],
  ['vllm:generation_tokens_total', 'Tokens generated.', (source) => source.generatedTokens],
  [
    'vllm:prefix_cache_queries_total',
    'Prompt tokens looked up in memory.',
    (source) => source.prefixQueryTokens,
  ],
  [
    'vllm:prefix_cache_hits_total',
    'Prompt tokens found in memory.',
    (source) => source.prefixHitTokens,
  ],
]

const finishedReasons = {
  stop: 'stop',
  length: 'length',
  cancelled: 'abort',
  failed: 'error',
} as const

const firstTokenBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160, 640, 2560,
]
const tokenBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5,
  7.5, 10, 20, 40, 80,
]
/** vLLM starts at 0.3 s, which tells nothing about a small model: three smaller ones are added. */
const requestBuckets = [
  0.01, 0.03, 0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960,
  1920, 7680,
]
