import type { InjectionReport, InjectionSecond } from '../../contract/injection.ts'
import { e2eMs, tpotMs, ttftMs, ttftServiceMs } from '../policy/measurement/latency.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { pooledGaps } from '../policy/measurement/window.ts'
import { sortSamples } from '../policy/statistics/quantiles.ts'
import { chart, cumulative, escapeHtml } from './chart.ts'
import { formatMs, latencyTable, resultRows } from './figures.ts'
import { htmlPage, htmlTable } from './html-page.ts'

/** The report of one run, in one file. */
export function htmlReport(report: InjectionReport, records: readonly RequestRecord[]): string {
  const { summary, spec } = report
  const { validity } = summary
  const latency = latencyTable(summary)
  const answered = records.filter(({ outcome }) => outcome === 'ok')
  const samples = (value: (record: RequestRecord) => number) => sortSamples(records.map(value))
  const trust = validity.isTrustworthy
    ? '<p class="good">✓ The client kept up: these are figures of the server.</p>'
    : `<p class="bad">✗ Not to be trusted: ${escapeHtml(validity.problems.join('; '))}.</p>`
  const seconds = (value: (second: InjectionSecond) => number | null) =>
    report.series.map((second) => [second.second, value(second) ?? NaN] as const)
  const bands = report.faults.map(({ name, fromMs, toMs }) => ({
    name,
    from: fromMs / 1000,
    to: toMs / 1000,
  }))
  const overTime = (
    title: string,
    yLabel: string,
    lines: Record<string, (second: InjectionSecond) => number | null>,
  ) =>
    chart({
      title,
      xLabel: 'seconds',
      yLabel,
      kind: 'line',
      bands,
      series: Object.entries(lines).map(([name, value]) => ({ name, points: seconds(value) })),
    })
  const shares = (title: string, series: ReturnType<typeof cumulative>[]) =>
    chart({ title, xLabel: 'ms', yLabel: 'share', kind: 'steps', series, yMax: 1 })

  const charts = [
    shares('Time to first token', [
      cumulative('from the intended arrival', samples(ttftMs)),
      cumulative('from the socket', samples(ttftServiceMs)),
    ]),
    shares('Time per token and gaps between events', [
      cumulative('TPOT', samples(tpotMs)),
      cumulative('ICL', pooledGaps(records)),
    ]),
    shares('End to end', [cumulative('E2E', samples(e2eMs))]),
    overTime('Requests', 'requests/s', {
      intended: ({ scheduled }) => scheduled,
      sent: ({ handed }) => handed,
      answered: ({ completed }) => completed,
      failed: ({ failed }) => failed,
    }),
    overTime('In flight', 'requests', { 'in flight': ({ inFlight }) => inFlight }),
    overTime('TTFT over time', 'ms', {
      p50: ({ ttftMsP50 }) => ttftMsP50,
      p99: ({ ttftMsP99 }) => ttftMsP99,
    }),
    overTime('Tokens', 'tokens/s', { output: ({ outputTokens }) => outputTokens }),
    chart({
      title: 'Prefill: TTFT by prompt',
      xLabel: 'prompt tokens',
      yLabel: 'ms',
      kind: 'dots',
      series: [
        {
          name: 'request',
          points: answered.map((record) => [record.promptTokens ?? NaN, ttftMs(record)]),
        },
      ],
    }),
    chart({
      title: 'Decode: time after the first token by answer',
      xLabel: 'output tokens',
      yLabel: 'ms',
      kind: 'dots',
      series: [
        {
          name: 'request',
          points: answered.map((record) => [
            record.outputTokens ?? NaN,
            e2eMs(record) - ttftMs(record),
          ]),
        },
      ],
    }),
  ]
  const faults =
    report.faults.length === 0
      ? ''
      : `<h2>Faults</h2>${htmlTable(
          ['fault', 'from', 'to', 'seen after', 'recovered after', 'requests lost', 'undone', ''],
          report.faults.map((fault) => [
            fault.name,
            `${formatMs(fault.fromMs)} ms`,
            `${formatMs(fault.toMs)} ms`,
            fault.detectedAfterMs === null ? 'never' : `${formatMs(fault.detectedAfterMs)} ms`,
            fault.recoveredAfterMs === null
              ? 'not within the run'
              : `${formatMs(fault.recoveredAfterMs)} ms`,
            String(fault.lost),
            fault.isUndone ? 'yes' : 'no',
            fault.note,
          ]),
        )}`
  return htmlPage(
    `Injection ${report.id}`,
    `<h1>Injection ${escapeHtml(report.id)}</h1>
<p class="soft">${escapeHtml(`${report.startedAt} · ${spec.url} · ${spec.models.map(({ name }) => name).join(', ')} · seed ${spec.seed}`)}</p>
${trust}
<h2>Result</h2>${htmlTable(['', ''], resultRows(summary))}
<h2>Latency</h2>${htmlTable(latency.header, latency.rows)}
<p class="soft">≥: too few samples to claim the percentile; it is at least that much with 99 % confidence. TTFT counts from the intended arrival, TTFT service from the socket; TPOT leaves the first token out; ICL is every gap between content events.</p>
${faults}
<h2>Charts</h2><div class="charts">${charts
      .filter(Boolean)
      .map((svg) => `<figure style="margin:0">${svg}</figure>`)
      .join('')}</div>
<h2>How far to trust it</h2>${htmlTable(['', ''], validityRows(report))}
<h2>Spec</h2><pre>${escapeHtml(JSON.stringify(spec, null, 1))}</pre>`,
  )
}

function validityRows({ summary: { validity }, client }: InjectionReport): [string, string][] {
  const text = (value: number | null, unit = '') =>
    value === null ? 'unknown' : `${formatMs(value)}${unit}`
  return [
    ['achieved / offered', text(validity.achievedOverOffered)],
    [
      'client delay p50, p99, max',
      `${text(validity.clientDelayMs.p50)}, ${text(validity.clientDelayMs.p99)}, ${text(validity.clientDelayMs.max)} ms`,
    ],
    ["Little's law, error", text(validity.littleError)],
    ['every request accounted for', validity.isConserved ? 'yes' : 'no'],
    ['tokens from', validity.tokens.source],
    ["against the server's counter", text(validity.tokens.counterError)],
    ['busiest driver thread', text(validity.clientCpuShare, ' of a core')],
    ['event loop delay p99', text(validity.eventLoopDelayMsP99, ' ms')],
    ['wall clock moved', text(validity.clockDriftMs, ' ms')],
    ['time taken by the host', text(validity.stealShare)],
    ['without a first token', String(validity.withoutFirstToken)],
    ...Object.entries(client).map(([name, value]): [string, string] => [name, String(value)]),
  ]
}
