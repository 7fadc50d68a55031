import type { InjectionComparison, InjectionSweep } from '../../contract/injection-study.ts'
import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { quantile, sortSamples } from '../policy/statistics/quantiles.ts'
import { chart, escapeHtml, type ChartOptions } from './chart.ts'
import { formatMs, formatRate, formatShare } from './figures.ts'
import { forest } from './forest.ts'
import { htmlCards, htmlCharts, htmlDetails, htmlPage, htmlTable } from './html-page.ts'

export function htmlSweep(sweep: InjectionSweep): string {
  const { result, spec } = sweep
  const trusted = byRate(sweep.probes)
  type Rate = (typeof trusted)[number]
  const over = (
    title: string,
    yLabel: string,
    lines: Record<string, readonly [(rate: Rate) => number | null, colour: number]>,
    more: Partial<ChartOptions> = {},
  ) =>
    chart({
      title,
      xLabel: 'requests/s offered',
      yLabel,
      kind: 'line-dots',
      marks: result.ratePerS === null ? [] : [{ name: 'answer', x: result.ratePerS }],
      bands:
        result.interval === null
          ? []
          : [
              {
                name: `${result.confidence * 100} % interval`,
                from: result.interval[0],
                to: result.interval[1],
              },
            ],
      series: Object.entries(lines).map(([name, [value, colour]]) => ({
        name,
        colour,
        points: trusted.map((rate) => [rate.ratePerS, value(rate) ?? NaN]),
      })),
      ...more,
    })
  const { ttftMs } = spec.slo
  const charts = [
    over(
      'Latency against rate',
      'ms',
      { 'TTFT p50': [(rate) => rate.ttftMsP50, 0], 'TTFT p99': [(rate) => rate.ttftMsP99, 3] },
      { yScale: 'auto', limits: ttftMs === undefined ? [] : [{ name: 'TTFT limit', y: ttftMs }] },
    ),
    over(
      'Attainment against rate',
      'share of requests',
      { attainment: [({ attainment }) => attainment, 2] },
      { yMax: 1, limits: [{ name: 'target', y: sweep.target }] },
    ),
    over(
      'Goodput against rate',
      'requests/s',
      {
        good: [({ goodputPerSecond }) => goodputPerSecond, 2],
        answered: [({ completedPerSecond }) => completedPerSecond, 0],
      },
      {
        limits: result.capacityPerS === null ? [] : [{ name: 'at most', y: result.capacityPerS }],
      },
    ),
    over('Tokens against rate', 'tokens/s', { output: [(rate) => rate.outputTokensPerSecond, 5] }),
    over('Time per token against rate', 'ms', { 'TPOT p50': [({ tpotMsP50 }) => tpotMsP50, 0] }),
  ]
  return htmlPage(
    `Sweep ${sweep.id}`,
    `<h1>${escapeHtml(spec.models.map(({ name }) => name).join(', '))}</h1>
<p class="soft">${escapeHtml(`${spec.url} · seed ${spec.seed} · ${sweep.startedAt.replace('T', ' ').slice(0, 19)} UTC · sweep ${sweep.id}`)}</p>
<div class="banner ${result.ratePerS === null ? 'bad' : 'good'}">${escapeHtml(sweepSentence(sweep))}</div>
${htmlCards([
  {
    name: 'Highest rate',
    value: formatRate(result.ratePerS),
    unit: 'requests/s',
    note:
      result.interval === null
        ? 'no interval'
        : `${formatRate(result.interval[0])} to ${formatRate(result.interval[1])} with ${result.confidence * 100} % confidence`,
  },
  {
    name: 'Certified',
    value: formatRate(result.certifiedPerS),
    unit: 'requests/s',
    note: 'the exact interval lies above the target',
  },
  {
    name: 'At most',
    value: formatRate(result.capacityPerS),
    unit: 'requests/s',
    note: 'answered under too much load',
  },
  {
    name: 'Spent',
    value: String(result.requests),
    unit: 'requests',
    note: `${sweep.probes.length} probes`,
  },
])}
<h2>Against the rate</h2>${htmlCharts(charts)}
<p class="soft">Probes in which the client was late are not drawn. The band is the interval of the answer.</p>
<h2>Probes</h2>${htmlTable(...sweepTable(sweep))}
${htmlDetails('Spec', `<pre>${escapeHtml(JSON.stringify(spec, null, 1))}</pre>`)}`,
  )
}

export function htmlComparison(comparison: InjectionComparison): string {
  const { a, b, objections, metrics, leftOut } = comparison
  const verdicts = metrics.map(({ name, verdict }) => `${name} ${verdict}`).join(', ')
  const banner =
    objections.length > 0
      ? `<div class="banner bad"><b class="bad">✗ Not to be compared</b><ul>${objections.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul></div>`
      : `<div class="banner">B against A: ${escapeHtml(verdicts)}.</div>`
  return htmlPage(
    `Comparison ${comparison.id}`,
    `<h1>Comparison</h1>
<p class="soft">A ${escapeHtml(armName(a))} · B ${escapeHtml(armName(b))} · ${comparison.pairs} pairs, ABBA · ${escapeHtml(comparison.startedAt.replace('T', ' ').slice(0, 19))} UTC · ${escapeHtml(comparison.id)}</p>
${banner}
${htmlCharts([forest(comparison)])}
<h2>Verdicts</h2>${htmlTable(...comparisonTable(comparison))}
<p class="soft">B against A. The interval is of the ratio B/A; its level is shared among the metrics, so that all verdicts together are wrong by chance in at most 5 % of comparisons. Equivalent: the interval lies within ±3 %; no difference: none was found, there may be one.</p>
${leftOut.length === 0 ? '' : `<p class="soft">Left out, for they can't be trusted:</p><ul>${leftOut.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`}
${htmlDetails('Specs', `<pre>${escapeHtml(JSON.stringify({ a, b }, null, 1))}</pre>`)}`,
  )
}

/** One point a rate: its probes together, weighted by their requests; those of a client that was late left out. */
function byRate(probes: InjectionSweep['probes']): InjectionSweep['probes'] {
  const usable = probes.filter(({ problems }) => problems.length === 0)
  const rates = Map.groupBy(usable.length > 0 ? usable : probes, ({ ratePerS }) => ratePerS)
  return [...rates.values()]
    .map((same) => {
      const requests = same.reduce((sum, probe) => sum + probe.requests, 0)
      const mean = (value: (probe: (typeof same)[number]) => number | null) =>
        requests === 0
          ? null
          : same.reduce((sum, probe) => sum + (value(probe) ?? 0) * probe.requests, 0) / requests
      return {
        ...same[0]!,
        requests,
        attainment: mean(({ attainment }) => attainment),
        goodputPerSecond: mean(({ goodputPerSecond }) => goodputPerSecond) ?? 0,
        completedPerSecond: mean(({ completedPerSecond }) => completedPerSecond) ?? 0,
        outputTokensPerSecond: mean((probe) => probe.outputTokensPerSecond),
        ttftMsP50: mean(({ ttftMsP50 }) => ttftMsP50),
        ttftMsP99: mean(({ ttftMsP99 }) => ttftMsP99),
        tpotMsP50: mean(({ tpotMsP50 }) => tpotMsP50),
      }
    })
    .toSorted((a, b) => a.ratePerS - b.ratePerS)
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

/** What an arm is, in a word: its models, and where. */
export const armName = ({ models, url }: InjectionSpec): string =>
  `${models.map(({ name }) => name).join(', ')} at ${url}`

/** The median of the pairs, as a figure with its unit. */
function typical(
  { name, values }: InjectionComparison['metrics'][number],
  of: (pair: { readonly a: number; readonly b: number }) => number,
): string {
  const middle = quantile(sortSamples(values.map(of)), 0.5)
  return name === 'goodput' ? `${formatRate(middle)}/s` : `${formatMs(middle)} ms`
}

export function comparisonTable({ metrics }: InjectionComparison): [string[], string[][]] {
  const change = (ratio: number) =>
    `${ratio >= 1 ? '+' : '−'}${Math.abs((ratio - 1) * 100).toFixed(1)} %`
  return [
    ['', 'A', 'B', 'verdict', 'change', 'interval', 'pairs'],
    metrics.map((metric) => [
      metric.name,
      typical(metric, ({ a }) => a),
      typical(metric, ({ b }) => b),
      metric.verdict,
      change(metric.ratio),
      `${change(metric.interval[0])} to ${change(metric.interval[1])}`,
      String(metric.pairs),
    ]),
  ]
}
