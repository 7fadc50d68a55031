import type { InjectionReport, InjectionSecond } from '../../contract/injection.ts'
import { e2eMs, tpotMs, ttftMs, ttftServiceMs } from '../policy/measurement/latency.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { pooledGaps } from '../policy/measurement/window.ts'
import { quantile, sortSamples } from '../policy/statistics/quantiles.ts'
import { chart, cumulative, type ChartOptions, type Series } from './chart.ts'

/** The run second by second, faults as bands. */
export function timeCharts(report: InjectionReport): string[] {
  const bands = report.faults.map(({ name, fromMs, toMs }) => ({
    name,
    from: fromMs / 1000,
    to: toMs / 1000,
  }))
  const warmupS = report.window.fromMs / 1000
  const over = (
    title: string,
    yLabel: string,
    lines: Record<string, readonly [(second: InjectionSecond) => number | null, colour: number]>,
    more: Partial<ChartOptions> = {},
  ) =>
    chart({
      title,
      xLabel: 'seconds',
      yLabel,
      kind: 'line',
      bands,
      marks: warmupS > 0 ? [{ name: 'measured from here', x: warmupS }] : [],
      series: Object.entries(lines).map(([name, [value, colour]]) => ({
        name,
        colour,
        points: report.series.map((second) => [second.second, value(second) ?? NaN] as const),
      })),
      ...more,
    })
  const { slo } = report.spec
  const limit = (name: string, value: number | undefined) =>
    value === undefined ? {} : { limits: [{ name: `${name} limit`, y: value }] }
  return [
    over('Requests', 'requests/s', {
      intended: [({ scheduled }) => scheduled, 4],
      sent: [({ handed }) => handed, 0],
      answered: [({ completed }) => completed, 2],
      failed: [({ failed }) => failed, 1],
    }),
    over('In flight', 'requests', { 'in flight': [({ inFlight }) => inFlight, 0] }),
    over(
      'Time to first token',
      'ms',
      { p50: [({ ttftMsP50 }) => ttftMsP50, 0], p99: [({ ttftMsP99 }) => ttftMsP99, 3] },
      { yScale: 'auto', ...limit('TTFT', slo.ttftMs) },
    ),
    over(
      'Time per token',
      'ms',
      { p50: [({ tpotMsP50 }) => tpotMsP50, 0] },
      limit('TPOT', slo.tpotMs),
    ),
    over('Output tokens', 'tokens/s', { output: [({ outputTokens }) => outputTokens, 5] }),
    chart({
      title: 'Latency against rate, second by second',
      xLabel: 'requests intended in the second',
      yLabel: 'TTFT p50, ms',
      kind: 'dots',
      yScale: 'auto',
      series: [
        {
          name: 'second',
          points: report.series.map(({ scheduled, ttftMsP50 }) => [scheduled, ttftMsP50 ?? NaN]),
        },
      ],
    }),
  ]
}

/** How latencies spread. */
export function latencyCharts(
  report: InjectionReport,
  records: readonly RequestRecord[],
): string[] {
  const { fromMs, toMs } = report.window
  const inside = records.filter(({ intendedMs }) => intendedMs >= fromMs && intendedMs < toMs)
  const samples = (value: (record: RequestRecord) => number) => sortSamples(inside.map(value))
  const [ttft, service, tpot, e2e] = [ttftMs, ttftServiceMs, tpotMs, e2eMs].map(samples) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  const shares = (title: string, series: readonly Series[], marks: ChartOptions['marks'] = []) =>
    chart({
      title,
      xLabel: 'ms',
      yLabel: 'share of requests',
      kind: 'steps',
      series,
      marks,
      yMax: 1,
      xScale: 'auto',
    })
  const { slo } = report.spec
  const limit = (name: string, x: number | undefined, sorted: Float64Array) =>
    x !== undefined && x <= (sorted.at(-1) ?? 0) ? [{ name, x }] : []
  return [
    shares(
      'Time to first token',
      [cumulative('from the intended arrival', ttft, 0), cumulative('from the socket', service, 5)],
      limit('limit', slo.ttftMs, ttft),
    ),
    shares(
      'Time per token, gaps between events',
      [cumulative('TPOT', tpot, 2), cumulative('ICL', pooledGaps(inside), 3)],
      limit('limit', slo.tpotMs, tpot),
    ),
    shares('End to end', [cumulative('E2E', e2e, 4)], limit('limit', slo.e2eMs, e2e)),
    tailChart([
      ['E2E', e2e, 4],
      ['TTFT', ttft, 0],
      ['TTFT service', service, 5],
    ]),
  ]
}

/** Percentiles with every nine given the same room: where the tail begins. */
function tailChart(metrics: readonly (readonly [string, Float64Array, number])[]): string {
  const most = Math.max(...metrics.map(([, { length }]) => length))
  if (most < 10) return ''
  const nines = Math.min(5, Math.max(1, Math.floor(Math.log10(most))))
  const names = ['0', '90', '99', '99.9', '99.99', '99.999'].slice(0, nines + 1)
  return chart({
    title: 'Percentiles',
    xLabel: 'percentile',
    yLabel: 'ms',
    kind: 'line',
    yScale: 'auto',
    xTicks: names.map((label, value) => ({ value, label })),
    series: metrics.map(([name, sorted, colour]) => ({
      name,
      colour,
      points:
        sorted.length === 0
          ? []
          : Array.from({ length: 40 * nines + 1 }, (_, step): readonly [number, number] => {
              const at = step / 40
              return [at, quantile(sorted, 1 - 10 ** -at)]
            }),
    })),
  })
}

/** Prefill and decode of each answer, by model where there are several. */
export function scatterCharts(
  report: InjectionReport,
  records: readonly RequestRecord[],
): string[] {
  const answered = records.filter(({ outcome }) => outcome === 'ok')
  const dots = (
    title: string,
    xLabel: string,
    yLabel: string,
    point: (record: RequestRecord) => readonly [number, number],
  ) =>
    chart({
      title,
      xLabel,
      yLabel,
      kind: 'dots',
      yScale: 'auto',
      xScale: 'auto',
      series: report.spec.models.map(({ name }, model) => ({
        name,
        points: answered.filter((record) => record.model === model).map(point),
      })),
    })
  return [
    dots('Prefill: first token by prompt', 'prompt tokens', 'TTFT service, ms', (record) => [
      record.promptTokens ?? NaN,
      ttftServiceMs(record),
    ]),
    dots('Decode: time after the first token by answer', 'output tokens', 'ms', (record) => [
      record.outputTokens ?? NaN,
      e2eMs(record) - ttftMs(record),
    ]),
    dots('Prefill against decode', 'TTFT service, ms', 'TPOT, ms', (record) => [
      ttftServiceMs(record),
      tpotMs(record),
    ]),
    chart({
      title: 'Time to first token, request by request',
      xLabel: 'seconds',
      yLabel: 'ms',
      kind: 'dots',
      yScale: 'auto',
      series: [
        { name: 'answered', colour: 0, points: ttftPoints(answered) },
        {
          name: 'failed later',
          colour: 1,
          points: ttftPoints(records.filter(({ outcome }) => outcome !== 'ok')),
        },
      ],
    }),
  ]
}

const ttftPoints = (records: readonly RequestRecord[]): [number, number][] =>
  records.map((record) => [record.intendedMs / 1000, ttftMs(record)])
