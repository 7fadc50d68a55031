import type { InjectionComparison, InjectionSweep } from '../../contract/injection-study.ts'
import { chart, escapeHtml } from './chart.ts'
import { formatMs, formatRate, formatShare } from './figures.ts'
import { htmlPage, htmlTable } from './html-page.ts'

export function htmlSweep(sweep: InjectionSweep): string {
  const points = sweep.probes.toSorted((a, b) => a.ratePerS - b.ratePerS)
  type Probe = (typeof points)[number]
  const over = (
    title: string,
    yLabel: string,
    lines: Record<string, (probe: Probe) => number | null>,
  ) =>
    chart({
      title,
      xLabel: 'requests/s offered',
      yLabel,
      kind: 'line',
      series: Object.entries(lines).map(([name, value]) => ({
        name,
        points: points.map((probe) => [probe.ratePerS, value(probe) ?? NaN]),
      })),
    })
  const charts = [
    over('Latency against rate', 'ms', {
      'TTFT p50': ({ ttftMsP50 }) => ttftMsP50,
      'TTFT p99': ({ ttftMsP99 }) => ttftMsP99,
    }),
    over('Goodput against rate', 'requests/s', {
      good: ({ goodputPerSecond }) => goodputPerSecond,
      answered: ({ completedPerSecond }) => completedPerSecond,
    }),
    over('Attainment against rate', 'share', { attainment: ({ attainment }) => attainment }),
    over('Tokens against rate', 'tokens/s', { output: (probe) => probe.outputTokensPerSecond }),
  ]
  return htmlPage(
    `Sweep ${sweep.id}`,
    `<h1>Sweep ${escapeHtml(sweep.id)}</h1><p class="soft">${escapeHtml(`${sweep.startedAt} · ${sweep.spec.url}`)}</p>
<h2>Answer</h2><p>${escapeHtml(sweepSentence(sweep))}</p><div class="charts">${charts.join('')}</div>
<h2>Probes</h2>${htmlTable(...sweepTable(sweep))}
<h2>Spec</h2><pre>${escapeHtml(JSON.stringify(sweep.spec, null, 1))}</pre>`,
  )
}

export function htmlComparison(comparison: InjectionComparison): string {
  return htmlPage(
    `Comparison ${comparison.id}`,
    `<h1>Comparison ${escapeHtml(comparison.id)}</h1>
<p class="soft">A ${escapeHtml(comparison.a.url)} · B ${escapeHtml(comparison.b.url)} · ${comparison.pairs} pairs, ABBA</p>
${comparison.objections.map((text) => `<p class="bad">✗ ${escapeHtml(text)}</p>`).join('')}
${htmlTable(...comparisonTable(comparison))}
<p class="soft">B against A. The interval is of the ratio B/A; its level is shared among the metrics (Holm), so that all verdicts together are wrong by chance in at most 5 % of comparisons.</p>`,
  )
}

/** What the sweep found, in one sentence. */
export function sweepSentence({ result, target, spec }: InjectionSweep): string {
  const hasLimits = Object.keys(spec.slo).length > 0
  const capacity =
    result.capacityPerS === null
      ? ''
      : ` At most it answers ${formatRate(result.capacityPerS)} requests/s.`
  if (!hasLimits) return `No SLO was given: ${result.reason}.${capacity}`
  if (result.ratePerS === null) return `No rate meets the SLO: ${result.reason}.${capacity}`
  const interval =
    result.interval === null
      ? ''
      : ` (${result.confidence * 100} % interval ${formatRate(result.interval[0])} to ${formatRate(result.interval[1])})`
  return `${formatShare(target)} of requests meet the SLO up to ${formatRate(result.ratePerS)} requests/s${interval}: ${result.reason}.${capacity}`
}

export function sweepTable({ probes }: InjectionSweep): [string[], string[][]] {
  return [
    [
      'requests/s',
      'seconds',
      'requests',
      'attainment',
      'goodput/s',
      'answered/s',
      'TTFT p50',
      'TTFT p99',
      'TPOT p50',
      '',
    ],
    probes.map((probe) => [
      formatRate(probe.ratePerS),
      (probe.durationMs / 1000).toFixed(0),
      String(probe.requests),
      formatShare(probe.attainment),
      formatRate(probe.goodputPerSecond),
      formatRate(probe.completedPerSecond),
      formatMs(probe.ttftMsP50),
      formatMs(probe.ttftMsP99),
      formatMs(probe.tpotMsP50),
      [probe.isSaturated ? 'saturated' : '', ...probe.problems].filter(Boolean).join('; '),
    ]),
  ]
}

export function comparisonTable({ metrics }: InjectionComparison): [string[], string[][]] {
  const change = (ratio: number) =>
    `${ratio >= 1 ? '+' : '−'}${Math.abs((ratio - 1) * 100).toFixed(1)} %`
  return [
    ['B against A', 'verdict', 'change', 'interval', 'pairs'],
    metrics.map((metric) => [
      metric.name,
      metric.verdict,
      change(metric.ratio),
      `${change(metric.interval[0])} to ${change(metric.interval[1])}`,
      String(metric.pairs),
    ]),
  ]
}
