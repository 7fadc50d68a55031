import type { InjectionReport, MetricSummary } from '../../contract/injection.ts'

/** llm-d Benchmark Report v0.2: run, scenario, results, every figure with its unit. */
export function llmdReport({
  id,
  startedAt,
  spec,
  window,
  summary,
  client,
}: InjectionReport): object {
  const statistics = (metric: MetricSummary, units: string, factor = 1) => ({
    units,
    mean: scaled(metric.mean, factor),
    p50: scaled(metric.p50, factor),
    p90: scaled(metric.p90, factor),
    p95: scaled(metric.p95, factor),
    p99: scaled(metric.p99, factor),
    max: scaled(metric.max, factor),
  })
  const failures = Object.entries(summary.outcomes).reduce(
    (sum, [name, count]) => (name === 'ok' ? sum : sum + count),
    0,
  )
  return {
    version: '0.2',
    run: {
      uid: id,
      time: { start: startedAt, duration: `PT${(window.toMs - window.fromMs) / 1000}S` },
      user: 'baleen',
    },
    scenario: {
      load: {
        standardized: {
          tool: 'baleen',
          tool_version: '0.1.0',
          rate_qps: spec.load.kind === 'open' ? spec.load.ratePerS : null,
          concurrency: spec.load.kind === 'closed' ? spec.load.users : null,
        },
        native: { config: spec },
      },
      stack: [
        { standardized: { kind: 'inference_engine', url: spec.url, models: spec.models }, client },
      ],
    },
    results: {
      request_performance: {
        aggregate: {
          requests: { total: summary.requests, failures },
          latency: {
            time_to_first_token: statistics(summary.ttftMs, 's', 1e-3),
            time_per_output_token: statistics(summary.tpotMs, 's/token', 1e-3),
            inter_token_latency: statistics(summary.iclMs, 's/token', 1e-3),
            request_latency: statistics(summary.e2eMs, 's', 1e-3),
          },
          throughput: {
            request_rate: { units: 'queries/s', mean: summary.requestsPerSecond },
            output_token_rate: { units: 'tokens/s', mean: summary.outputTokensPerSecond },
            input_token_rate: { units: 'tokens/s', mean: summary.inputTokensPerSecond },
          },
        },
      },
    },
  }
}

const scaled = (value: number | null, factor: number): number | null =>
  value === null ? null : value * factor
