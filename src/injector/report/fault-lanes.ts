import type { InjectionReport } from '../../contract/injection.ts'
import { escapeHtml } from './chart.ts'
import { linearAxis } from './chart-axis.ts'

const width = 1120
const left = 190
const lane = 26
const top = 34

/** Faults on one line of time: how long each lasted, when users first felt it, when they were well again. */
export function faultLanes({ faults, series }: InjectionReport): string {
  const endS = series.length
  const axis = linearAxis([endS], left, width - 20)
  const bottom = top + faults.length * lane
  const lanes = faults.map((fault, index) => {
    const y = top + index * lane
    const at = (ms: number) => axis.at(ms / 1000)
    const hurt =
      fault.detectedAfterMs === null
        ? ''
        : `<line class="stroke1" stroke-width="3" x1="${at(fault.fromMs + fault.detectedAfterMs)}" x2="${fault.recoveredAfterMs === null ? width - 20 : at(fault.fromMs + fault.recoveredAfterMs)}" y1="${y + 19}" y2="${y + 19}"><title>users felt it</title></line>`
    return (
      `<text class="name" x="0" y="${y + 14}">${escapeHtml(fault.name.slice(0, 30))}</text>` +
      `<rect class="band" style="fill-opacity:.75" rx="3" x="${at(fault.fromMs)}" y="${y + 3}" width="${Math.max(3, at(fault.toMs) - at(fault.fromMs))}" height="13"><title>${escapeHtml(fault.action)}</title></rect>${hurt}`
    )
  })
  const ticks = axis.ticks.map(
    ({ value, label }) =>
      `<line class="grid" x1="${axis.at(value)}" x2="${axis.at(value)}" y1="${top - 6}" y2="${bottom}"/><text x="${axis.at(value)}" y="${bottom + 16}" text-anchor="middle">${label}</text>`,
  )
  return `<svg class="lanes" viewBox="0 0 ${width} ${bottom + 42}" role="img" aria-label="Faults over time"><text class="title" x="0" y="14">Faults over time</text>${ticks.join('')}${lanes.join('')}<text x="${left}" y="${bottom + 36}"><tspan style="fill:var(--band)">■ </tspan><tspan>fault    </tspan><tspan class="key1">▬ </tspan><tspan>users felt it, until they were well again</tspan></text><text x="${width - 20}" y="${bottom + 36}" text-anchor="end">seconds</text></svg>`
}
