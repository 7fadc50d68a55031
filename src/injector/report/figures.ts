import type { InjectionReport } from '../../contract/injection.ts'
import type {
  InjectionSummary,
  MetricSummary,
  Percentile,
} from '../../contract/injection-summary.ts'

const metricNames = [
  ['ttftMs', 'TTFT'],
  ['ttftServiceMs', 'TTFT service'],
  ['tpotMs', 'TPOT'],
  ['iclMs', 'ICL'],
  ['e2eMs', 'E2E'],
  ['maxStallMs', 'longest stall'],
] as const satisfies readonly (readonly [keyof InjectionSummary, string])[]

const columns = ['p50', 'p90', 'p95', 'p99'] as const

/** Header and rows of the latency table, in milliseconds. */
export function latencyTable(summary: InjectionSummary): { header: string[]; rows: string[][] } {
  return {
    header: ['ms', 'mean', ...columns, 'max', 'samples'],
    rows: metricNames
      .map(([key, name]) => [name, summary[key]] as const)
      .filter(([, metric]) => metric.count > 0)
      .map(([name, metric]) => [
        name,
        formatMs(metric.mean),
        ...columns.map((percentile) => formatPercentile(metric, percentile)),
        formatMs(metric.max),
        String(metric.count),
      ]),
  }
}

/** "≥ 812": too few samples to claim the percentile; it is at least that much, with 99 % confidence. */
export function formatPercentile(metric: MetricSummary, percentile: Percentile): string {
  const text = formatMs(metric[percentile])
  return metric.atLeast.includes(percentile) && text !== '–' ? `≥ ${text}` : text
}

export function formatMs(value: number | null): string {
  if (value === null) return '–'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export const formatRate = (value: number | null): string =>
  value === null ? '–' : value >= 100 ? value.toFixed(0) : value.toFixed(2)

const formatCount = (value: number | null): string => (value === null ? '–' : value.toFixed(0))

export const formatShare = (value: number | null): string =>
  value === null ? '–' : `${(value * 100).toFixed(1)} %`

/** Rows of what was asked for and what came of it. */
export function resultRows({
  spec,
  summary,
  sessions,
  stoppedBy,
}: InjectionReport): [string, string][] {
  const { outcomes } = summary
  const rows: [string, string][] = [
    ['requests', `${summary.requests} (${outcomesText(outcomes)})`],
    [
      'requests/s',
      `${formatRate(summary.requestsPerSecond)} of ${formatRate(summary.offeredPerSecond)} offered`,
    ],
    ['output tokens/s', formatRate(summary.outputTokensPerSecond)],
    ['goodput', `${formatRate(summary.goodputPerSecond)} requests/s`],
    ['attainment', formatShare(summary.attainment)],
    ['steady state', `${summary.steadyState.verdict}: ${summary.steadyState.reason}`],
  ]
  for (const [name, metric] of [
    ['prompt tokens', summary.promptTokens],
    ['answer tokens', summary.outputTokens],
  ] as const)
    if (metric && metric.count > 0)
      rows.push([
        name,
        `mean ${formatCount(metric.mean)}, p50 ${formatCount(metric.p50)}, p90 ${metric.atLeast.includes('p90') && metric.p90 !== null ? '≥ ' : ''}${formatCount(metric.p90)}, max ${formatCount(metric.max)}`,
      ])
  if (sessions !== null)
    rows.push([
      'sessions',
      `${sessions.whole} of ${sessions.begun} to their end, ${sessions.failed} failed${sessions.durationMs.count > 0 ? `, p50 ${formatMs(sessions.durationMs.p50)} ms, p90 ${formatPercentile(sessions.durationMs, 'p90')} ms` : ''}`,
    ])
  if (stoppedBy !== 'schedule') rows.push(['stopped by', stopTexts[stoppedBy]])
  if (summary.lengthMismatches > 0)
    rows.push(['other lengths than asked for', String(summary.lengthMismatches)])
  if (summary.cost !== null) rows.push(['cost', summary.cost.toFixed(4)])
  if (summary.cachedTokenShare !== null)
    rows.push(['cached prompt tokens', formatShare(summary.cachedTokenShare)])
  rows.push(['seed', String(spec.seed)])
  return rows
}

const stopTexts = {
  tokens: 'the limit of --max-tokens',
  cost: 'the limit of --max-cost',
  interrupt: 'an interrupt',
} as const

export const modelTable = ({ models }: InjectionReport): [string[], string[][]] => [
  [
    'model',
    'requests',
    'failed',
    'answered/s',
    'tokens/s',
    'attainment',
    'TTFT p50',
    'TTFT p99',
    'TPOT p50',
  ],
  models.map((model) => [
    model.name,
    String(model.requests),
    String(model.failed),
    formatRate(model.requestsPerSecond),
    formatRate(model.outputTokensPerSecond),
    formatShare(model.attainment),
    formatMs(model.ttftMs.p50),
    formatPercentile(model.ttftMs, 'p99'),
    formatMs(model.tpotMs.p50),
  ]),
]

/** A fault that came before users were well again after the last one shares lost requests with it. */
export function faultsOverlap({ faults }: InjectionReport): boolean {
  return faults.some(({ fromMs, toMs, recoveredAfterMs }, index) => {
    const next = faults[index + 1]
    const wellMs = Math.max(toMs, recoveredAfterMs === null ? Infinity : fromMs + recoveredAfterMs)
    return next !== undefined && next.fromMs < wellMs
  })
}
export const overlapNote =
  'Some faults came before users were well again after the one before: these count the same lost requests.'

export const faultTable = ({ faults }: InjectionReport): [string[], string[][]] => [
  [
    'fault',
    'from',
    'lasted',
    'good before',
    'during',
    'users felt it after',
    'well again after',
    'lost',
    'undone',
    '',
  ],
  faults.map((fault) => [
    fault.name,
    formatSeconds(fault.fromMs),
    formatSeconds(fault.toMs - fault.fromMs),
    formatShare(fault.attainmentBefore),
    formatShare(fault.attainmentDuring),
    fault.detectedAfterMs === null ? 'never' : formatSeconds(fault.detectedAfterMs),
    fault.recoveredAfterMs === null ? 'not within the run' : formatSeconds(fault.recoveredAfterMs),
    String(fault.lost),
    fault.isUndone ? 'yes' : 'no',
    [outcomesText(fault.lostBy), fault.note].filter(Boolean).join('; '),
  ]),
]

const formatSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

export const outcomesText = (outcomes: Readonly<Record<string, number>>): string =>
  Object.entries(outcomes)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
