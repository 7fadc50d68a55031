import type { InjectionComparison } from '../../contract/injection-study.ts'
import { escapeHtml } from './chart.ts'
import { linearAxis } from './chart-axis.ts'

const width = 1120
const left = 150
const right = width - 150
const top = 36
const row = 40

/** Per cent. Whatever lies beyond is drawn at the edge; the table says it. */
const reachMax = 400

const colours = { better: 2, worse: 1, equivalent: 5, 'no difference': 0 } as const

/** Every metric as a change with its interval, and each pair of runs as a dot: what the verdict stands on. */
export function forest({ metrics }: InjectionComparison): string {
  if (metrics.length === 0) return ''
  const change = (ratio: number) => (ratio - 1) * 100
  const pairs = (values: (typeof metrics)[number]['values']) =>
    values.filter(({ a, b }) => a > 0 && b > 0).map(({ a, b }) => change(b / a))
  const of = (within: number) =>
    metrics
      .flatMap(({ interval, ratio, values }) => [
        ...interval.map(change),
        change(ratio),
        // Wide pairs must not press the intervals together.
        ...pairs(values).filter((value) => Math.abs(value) <= within),
      ])
      .map((value) => Math.min(reachMax, value))
  const axis = linearAxis([-5, 5, ...of(60)], left, right)
  const bottom = top + metrics.length * row
  const grid = axis.ticks.map(
    ({ value, label }) =>
      `<line class="${value === 0 ? 'limit' : 'grid'}" x1="${axis.at(value)}" x2="${axis.at(value)}" y1="${top - 8}" y2="${bottom}"/><text x="${axis.at(value)}" y="${bottom + 16}" text-anchor="middle">${value > 0 ? '+' : ''}${label} %</text>`,
  )
  const rows = metrics.map(({ name, verdict, ratio, interval, values }, index) => {
    const y = top + index * row + 14
    const [from, to] = interval.map((bound) => axis.at(change(bound))) as [number, number]
    const colour = colours[verdict]
    const dots = pairs(values).map(
      (value) =>
        `<circle cx="${axis.at(value)}" cy="${y + 12}" r="2.2" class="fill${colour}" fill-opacity=".45"/>`,
    )
    return `<text class="name" x="0" y="${y + 4}">${escapeHtml(name)}</text><line class="stroke${colour}" stroke-width="3" x1="${from}" x2="${to}" y1="${y}" y2="${y}"/><circle class="fill${colour}" cx="${axis.at(change(ratio))}" cy="${y}" r="5"/>${dots.join('')}<text x="${right + 14}" y="${y + 4}" class="key${colour}" style="fill:var(--c${colour})">${verdict}</text>`
  })
  return `<svg class="lanes" viewBox="0 0 ${width} ${bottom + 40}" role="img" aria-label="Change of B against A by metric"><text class="title" x="0" y="14">B against A</text>${grid.join('')}${rows.join('')}<text x="${left}" y="${bottom + 34}">line: interval · large dot: estimate · small dots: pairs of runs</text></svg>`
}
