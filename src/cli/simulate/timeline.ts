import type { Scenario } from '../../contract/scenario.ts'
import { chart, type ChartOptions, escapeHtml } from '../../injector/report/chart.ts'
import {
  chartStyle,
  htmlCards,
  htmlCharts,
  htmlPage,
  htmlTable,
} from '../../injector/report/html-page.ts'
import { type SimulationSummary } from '../../simulator/results/summarise.ts'
import type { SimulationResult } from '../../simulator/simulate.ts'
import {
  factRows,
  latencyHeader,
  latencyRows,
  replicaHeader,
  replicaRows,
  scalingHeader,
  scalingRows,
} from './report-text.ts'

/** A page with the figures and the timeline of a run; opens offline. */
export function timelineHtml(
  title: string,
  scenario: Scenario,
  result: SimulationResult,
  summary: SimulationSummary,
): string {
  return htmlPage(
    title,
    `<h1>${escapeHtml(title)}</h1><p class="soft">seed ${scenario.seed}</p>` +
      htmlCards(factRows(summary).map(cardOf)) +
      htmlTable(latencyHeader, latencyRows(summary)) +
      `<h2>Timeline</h2>${htmlCharts(charts(scenario, result))}` +
      (summary.scaling.length === 0
        ? ''
        : `<h2>Scaling</h2>${htmlTable(scalingHeader, scalingRows(summary))}`) +
      `<h2>Replicas</h2>${htmlTable(replicaHeader, replicaRows(summary))}`,
  )
}

/** "2.96 requests/s, and more" → the figure large, the rest small. */
function cardOf([name, text]: readonly [string, string]) {
  const [, value = text, unit = '', note = ''] =
    /^([^ ,]+)(?: ([^,]*))?(?:, (.*))?$/.exec(text) ?? []
  return { name, value, unit, note }
}

/** The timeline alone, its charts one below the other. */
export function timelineSvg(scenario: Scenario, result: SimulationResult): string {
  const all = charts(scenario, result)
  const placed = all.map((one, at) =>
    one.replace('<svg ', `<svg y="${at * height}" width="${width}" height="${height}" `),
  )
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height * all.length}" font-family="sans-serif">` +
    `<style>${chartStyle}</style><rect width="100%" height="100%" style="fill:var(--card)"/>${placed.join('')}</svg>\n`
  )
}

const width = 560
const height = 280

function charts(scenario: Scenario, result: SimulationResult): string[] {
  const { samples, requests, replicas, scaling } = result
  const bands = scenario.faults.map((fault) => ({
    name: `${fault.kind} of replica ${fault.replica}`,
    from: fault.at / 1000,
    to: (fault.at + (fault.kind === 'slow' ? fault.for : (fault.restart ?? 0))) / 1000,
  }))
  const over = (
    title: string,
    yLabel: string,
    lines: Readonly<Record<string, readonly number[]>>,
    more: Partial<ChartOptions> = {},
  ) =>
    chart({
      title,
      xLabel: 'seconds',
      yLabel,
      kind: 'line',
      bands,
      series: Object.entries(lines).map(([name, values]) => ({
        name,
        points: values.map((value, at) => [samples.atMs[at]! / 1000, value] as const),
      })),
      ...more,
    })
  const ids = Array.from({ length: requests.count }, (_, id) => id)
  return [
    over('Requests in the engines', 'requests', {
      running: samples.running,
      waiting: samples.waiting,
    }),
    over('Tokens', 'tokens/s', { 'answer tokens': samples.tokensPerS }),
    over('Arrivals', 'requests/s', { arrivals: samples.arrivalsPerS }),
    over('KV memory', '%', { 'in use': samples.kvUsage.map((share) => share * 100) }),
    chart({
      title: 'Time to first token, by arrival',
      xLabel: 'seconds',
      yLabel: 'ms',
      kind: 'dots',
      bands,
      series: replicas.map((replica) => ({
        name: replica.id,
        points: ids
          .filter((id) => requests.replica[id] === replica.index)
          .map((id) => {
            const arrivalMs = requests.arrivalMs[id]!
            return [arrivalMs / 1000, requests.firstTokenMs[id]! - arrivalMs] as const
          }),
      })),
    }),
    over(
      'Replicas',
      'replicas',
      {
        'that serve': samples.ready,
        // A run without any start has nothing to draw there.
        ...(samples.starting.some((count) => count > 0) ? { starting: samples.starting } : {}),
      },
      { kind: 'steps', bands: [...bands, ...scaling.map(bandOf)] },
    ),
  ].filter((one) => one !== '')
}

/** A change of an autoscaler, with its reason where the pointer rests. */
const bandOf = ({ atMs, pool, from, replicas, reason }: SimulationResult['scaling'][number]) => ({
  name: `${pool}: ${from} → ${replicas}, ${reason}`,
  from: atMs / 1000,
  to: atMs / 1000,
})
