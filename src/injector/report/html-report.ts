import { formatDurationMs } from '../../core/units.ts'
import type { InjectionReport } from '../../contract/injection.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { escapeHtml } from './chart.ts'
import { faultLanes } from './fault-lanes.ts'
import {
  faultsOverlap,
  faultTable,
  overlapNote,
  formatMs,
  formatPercentile,
  formatRate,
  formatShare,
  latencyTable,
  modelTable,
  resultRows,
} from './figures.ts'
import { htmlCards, htmlCharts, htmlDetails, htmlPage, htmlTable, type Card } from './html-page.ts'
import { latencyCharts, scatterCharts, timeCharts } from './run-charts.ts'

/** The report of one run, in one file. */
export function htmlReport(report: InjectionReport, records: readonly RequestRecord[]): string {
  const { summary, spec } = report
  const latency = latencyTable(summary)
  const models = spec.models.map(({ name }) => name).join(', ')
  const faults =
    report.faults.length === 0
      ? ''
      : `<h2>Faults</h2>${htmlTable(...faultTable(report))}${faultsOverlap(report) ? `<p class="soft">${escapeHtml(overlapNote)}</p>` : ''}`
  return htmlPage(
    `Injection ${report.id}`,
    `<h1>${escapeHtml(models)}</h1>
<p class="soft">${escapeHtml(`${spec.url} · ${loadText(report)} · ${report.startedAt.replace('T', ' ').slice(0, 19)} UTC · injection ${report.id}`)}</p>
${trustBanner(report)}
${htmlCards(cardsOf(report))}
${outcomeBar(report)}
<h2>Latency</h2>${htmlTable(latency.header, latency.rows)}
<p class="soft">Milliseconds. TTFT counts from the intended arrival, TTFT service from the socket; TPOT leaves the first token out; ICL is every gap between content events. ≥: too few samples to claim the percentile; it is at least that much, with 99 % confidence.</p>
${report.models.length > 0 ? `<h2>Models</h2>${htmlTable(...modelTable(report))}` : ''}
${faults}
${report.faults.length > 0 ? htmlCharts([faultLanes(report)]) : ''}
<h2>Over time</h2>${htmlCharts(timeCharts(report))}
<h2>Distributions</h2>${htmlCharts(latencyCharts(report, records))}
<h2>Request by request</h2>${htmlCharts(scatterCharts(report, records))}
<h2>Result</h2>${htmlTable(['', ''], resultRows(report))}
<h2>How far to trust it</h2>${htmlTable(['', ''], validityRows(report))}
${htmlDetails('Spec: all that is needed to make this run again', `<pre>baleen inject --again ${escapeHtml(report.id)}</pre><pre>${escapeHtml(JSON.stringify(spec, null, 1))}</pre>`)}`,
  )
}

function loadText({ spec: { load, durationMs, seed, workload } }: InjectionReport): string {
  const how =
    load.kind === 'open'
      ? `${load.arrivals}, ${formatRate(load.ratePerS)}${workload.sessions ? ' sessions' : ''}/s`
      : `${load.users} users`
  return `${how} for ${formatDurationMs(durationMs)}, seed ${seed}`
}

function trustBanner({ summary: { validity, steadyState } }: InjectionReport): string {
  if (!validity.isTrustworthy)
    return `<div class="banner bad"><b class="bad">✗ Not to be trusted</b><ul>${validity.problems.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul></div>`
  const state =
    steadyState.verdict === 'steady' ? [] : [`${steadyState.verdict}: ${steadyState.reason}`]
  const notes = [...state, ...validity.notes]
    .map((note) => ` ${note[0]!.toUpperCase()}${note.slice(1)}.`)
    .join('')
  return `<div class="banner good"><b class="good">✓ The client kept up:</b> these are figures of the server.${escapeHtml(notes)}</div>`
}

function cardsOf({ summary, spec }: InjectionReport): Card[] {
  const hasSlo = Object.keys(spec.slo).length > 0
  const cards: Card[] = [
    {
      name: 'Answered',
      value: formatRate(summary.requestsPerSecond),
      unit: 'requests/s',
      note: `${formatRate(summary.offeredPerSecond)} offered`,
    },
    {
      name: 'Output',
      value: formatRate(summary.outputTokensPerSecond),
      unit: 'tokens/s',
      note:
        summary.cachedTokenShare === null
          ? ''
          : `${formatShare(summary.cachedTokenShare)} of prompts cached`,
    },
  ]
  const metric = (name: string, key: 'ttftMs' | 'tpotMs' | 'e2eMs') => {
    if (summary[key].count === 0) return
    cards.push({
      name,
      value: formatMs(summary[key].p50),
      unit: 'ms p50',
      note: `p99 ${formatPercentile(summary[key], 'p99')} ms`,
    })
  }
  metric('TTFT', 'ttftMs')
  metric('TPOT', 'tpotMs')
  metric('End to end', 'e2eMs')
  cards.push({
    name: hasSlo ? 'Within the SLO' : 'Answered well',
    value: formatShare(summary.attainment),
    note: hasSlo
      ? `goodput ${formatRate(summary.goodputPerSecond)} requests/s`
      : `${summary.outcomes.ok ?? 0} of ${summary.requests} requests`,
  })
  return cards
}

/** What became of the requests, as shares of one bar. */
function outcomeBar({ summary: { outcomes, requests } }: InjectionReport): string {
  if (requests === 0) return ''
  const colours = ['--c1', '--c3', '--c4', '--c5', '--soft']
  const parts = Object.entries(outcomes)
    .toSorted(([a], [b]) => Number(b === 'ok') - Number(a === 'ok'))
    .map(([name, count], index) => ({
      name,
      count,
      colour: name === 'ok' ? '--c2' : colours[(index - 1 + colours.length) % colours.length]!,
    }))
  return `<div class="bar" role="img" aria-label="outcomes">${parts.map(({ count, colour }) => `<i style="flex:${count};background:var(${colour})"></i>`).join('')}</div><div class="legend">${parts.map(({ name, count, colour }) => `<span class="dot" style="background:var(${colour})"></span><b>${count}</b> ${escapeHtml(name)}`).join('')}</div>`
}

function validityRows({ summary: { validity }, client }: InjectionReport): [string, string][] {
  const text = (value: number | null, unit = '') =>
    value === null ? 'unknown' : `${formatMs(value)}${unit}`
  return [
    ['achieved / offered', formatShare(validity.achievedOverOffered)],
    [
      'client delay p50, p99, max',
      `${text(validity.clientDelayMs.p50)}, ${text(validity.clientDelayMs.p99)}, ${text(validity.clientDelayMs.max)} ms`,
    ],
    ["Little's law, error", formatShare(validity.littleError)],
    ['every request accounted for', validity.isConserved ? 'yes' : 'no'],
    ['tokens from', validity.tokens.source],
    ["against the server's counter", formatShare(validity.tokens.counterError)],
    ['busiest driver thread', `${formatShare(validity.clientCpuShare)} of a core`],
    ['event loop delay p99', text(validity.eventLoopDelayMsP99, ' ms')],
    ['wall clock moved', text(validity.clockDriftMs, ' ms')],
    ['time taken by the host', formatShare(validity.stealShare)],
    ['without a first token', String(validity.withoutFirstToken)],
    ...Object.entries(client).map(([name, value]): [string, string] => [name, String(value)]),
  ]
}
