import { createHash } from 'node:crypto'
import type { InjectionReport } from '../../contract/injection.ts'
import type { LengthSpec } from '../../contract/injection-spec.ts'
import type { MetricSummary } from '../../contract/injection-summary.ts'

/**
 * llm-d Benchmark Report v0.2.1: run, scenario and results, every figure with its unit. A percentile that the run has too
 * few samples for is left out; what the report has no place for (validity, faults) stands in `native`.
 */
export function llmdReport(report: InjectionReport): object {
  const { id, startedAt, spec, window, summary, client, sessions } = report
  const failures = summary.requests - (summary.outcomes.ok ?? 0)
  const startMs = Date.parse(startedAt)
  const model = spec.models.map(({ name }) => name).join(', ')
  return {
    version: '0.2.1',
    run: {
      uid: id,
      time: {
        start: new Date(startMs + window.fromMs).toISOString(),
        end: new Date(startMs + window.toMs).toISOString(),
        duration: `PT${(window.toMs - window.fromMs) / 1000}S`,
      },
      description: `${model} at ${spec.url}`,
    },
    scenario: {
      load: {
        metadata: { schema_version: '0.0.1', cfg_id: hashOf(spec) },
        standardized: {
          tool: 'baleen',
          tool_version: '0.1.0',
          parallelism: spec.workers,
          source: spec.workload.dataset || spec.workload.sessions ? 'sampled' : 'random',
          stage: 0,
          input_seq_len: sequenceLength(spec.workload.inputTokens),
          output_seq_len: sequenceLength(spec.workload.outputTokens),
          ...(spec.workload.turns > 1
            ? {
                multi_turn: {
                  enabled: true,
                  max_turns: { distribution: 'fixed', value: spec.workload.turns },
                },
              }
            : {}),
          rate_qps: spec.load.kind === 'open' ? spec.load.ratePerS : null,
          concurrency: spec.load.kind === 'closed' ? spec.load.users : null,
        },
        native: {
          config: {
            spec,
            client,
            validity: summary.validity,
            outcomes: summary.outcomes,
            attainment: summary.attainment,
            faults: report.faults,
          },
        },
      },
      stack: [
        {
          metadata: { label: 'endpoint', cfg_id: hashOf([spec.url, model]), description: model },
          standardized: { kind: 'generic', tool: spec.url, tool_version: 'unknown' },
          native: {},
        },
      ],
    },
    results: {
      request_performance: {
        aggregate: {
          requests: {
            total: summary.requests,
            failures,
            incomplete:
              (summary.outcomes.unfinished_at_cutoff ?? 0) + (summary.outcomes.truncated ?? 0),
            input_length: statistics(summary.promptTokens, 'count'),
            output_length: statistics(summary.outputTokens, 'count'),
          },
          latency: {
            time_to_first_token: statistics(summary.ttftMs, 'ms'),
            time_per_output_token: statistics(summary.tpotMs, 'ms/token'),
            inter_token_latency: statistics(summary.iclMs, 'ms/token'),
            request_latency: statistics(summary.e2eMs, 'ms'),
          },
          throughput: {
            request_rate: rate(summary.requestsPerSecond, 'queries/s'),
            output_token_rate: rate(summary.outputTokensPerSecond, 'tokens/s'),
            input_token_rate: rate(summary.inputTokensPerSecond, 'tokens/s'),
          },
        },
        time_series: {
          latency: {
            time_to_first_token: series('ms', ({ ttftMsP50, ttftMsP99 }) => ({
              p50: ttftMsP50,
              p99: ttftMsP99,
            })),
          },
          throughput: {
            request_rate: series('queries/s', ({ completed }) => ({ value: completed })),
            output_token_rate: series('tokens/s', ({ outputTokens }) => ({ value: outputTokens })),
          },
        },
      },
      ...(sessions === null
        ? {}
        : {
            session_performance: {
              sessions: {
                total: sessions.begun,
                succeeded: sessions.whole,
                failed: sessions.failed,
                session_duration: statistics(sessions.durationMs, 'ms'),
              },
            },
          }),
    },
  }

  function series(
    units: string,
    point: (second: InjectionReport['series'][number]) => Record<string, number | null>,
  ): object {
    return {
      units,
      series: report.series.map((second) => ({
        ts: new Date(startMs + second.second * 1000).toISOString(),
        ...point(second),
      })),
    }
  }
}

function statistics(metric: MetricSummary | null, units: string): object | null {
  if (metric === null || metric.mean === null) return null
  const { mean, max, atLeast } = metric
  const percentiles = (['p50', 'p90', 'p95', 'p99'] as const).filter(
    (name) => !atLeast.includes(name),
  )
  return {
    units,
    mean,
    ...Object.fromEntries(percentiles.map((name) => [name, metric[name]])),
    max,
  }
}

const rate = (mean: number | null, units: string): object | null =>
  mean === null ? null : { units, mean }

function sequenceLength(length: LengthSpec): object {
  switch (length.kind) {
    case 'fixed':
      return { distribution: 'fixed', value: length.value }
    case 'uniform':
      return {
        distribution: 'uniform',
        value: (length.min + length.max) / 2,
        min: length.min,
        max: length.max,
      }
    case 'lognormal':
      return { distribution: 'other', value: length.median, min: length.min, max: length.max }
    case 'empirical':
      return {
        distribution: 'other',
        value: length.values.reduce((sum, value) => sum + value, 0) / length.values.length,
        min: Math.min(...length.values),
        max: Math.max(...length.values),
      }
  }
}

const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
