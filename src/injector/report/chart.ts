/** Small charts as SVG text: no script, no font, nothing fetched. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface ChartOptions {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly kind: 'line' | 'dots' | 'steps'
  readonly series: readonly Series[]
  /** Vertical bands, such as faults. */
  readonly bands?: readonly { readonly name: string; readonly from: number; readonly to: number }[]
  readonly yMax?: number
}

const width = 560
const height = 260
const margin = { left: 62, right: 14, top: 28, bottom: 58 }
const colours = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#0891b2']
const pointsMax = 2000

/** A figure with axes, grid, legend and a title that screen readers tell. '' where there is nothing to show. */
export function chart(options: ChartOptions): string {
  const series = options.series
    .map(({ name, points }) => ({
      name,
      points: thin(points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))),
    }))
    .filter(({ points }) => points.length > 0)
  if (series.length === 0) return ''
  const all = series.flatMap(({ points }) => points)
  const xTicks = ticks(Math.min(0, ...all.map(([x]) => x)), Math.max(...all.map(([x]) => x)))
  const yTicks = ticks(
    Math.min(0, ...all.map(([, y]) => y)),
    options.yMax ?? Math.max(...all.map(([, y]) => y)),
  )
  const x = scale(xTicks, margin.left, width - margin.right)
  const y = scale(yTicks, height - margin.bottom, margin.top)

  const grid = [
    ...yTicks.map(
      (value) =>
        `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(value)}" y2="${y(value)}" class="grid"/>` +
        `<text x="${margin.left - 6}" y="${y(value) + 4}" text-anchor="end">${format(value)}</text>`,
    ),
    ...xTicks.map(
      (value) =>
        `<text x="${x(value)}" y="${height - margin.bottom + 16}" text-anchor="middle">${format(value)}</text>`,
    ),
  ]
  const bands = (options.bands ?? []).map(
    ({ name, from, to }) =>
      `<rect x="${x(from)}" width="${Math.max(2, round(x(to) - x(from)))}" y="${margin.top}" height="${height - margin.top - margin.bottom}" class="band"><title>${escapeHtml(name)}</title></rect>`,
  )
  const marks = series.map(({ points }, index) => {
    const colour = colours[index % colours.length]!
    if (options.kind === 'dots')
      return points
        .map(
          ([px, py]) =>
            `<circle cx="${x(px)}" cy="${y(py)}" r="1.8" fill="${colour}" fill-opacity=".5"/>`,
        )
        .join('')
    const path = points.map(([px, py], at) =>
      at === 0
        ? `M${x(px)} ${y(py)}`
        : options.kind === 'steps'
          ? `H${x(px)}V${y(py)}`
          : `L${x(px)} ${y(py)}`,
    )
    return `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="1.6"/>`
  })
  const legend = series.map(
    ({ name }, index) =>
      `<tspan fill="${colours[index % colours.length]}">■ </tspan><tspan>${escapeHtml(name)}   </tspan>`,
  )
  const title = escapeHtml(options.title)
  return (
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}: ${escapeHtml(options.yLabel)} over ${escapeHtml(options.xLabel)}">` +
    `<text x="${margin.left}" y="16" class="title">${title}</text>${grid.join('')}${bands.join('')}${marks.join('')}` +
    `<text x="${(margin.left + width) / 2}" y="${height - 26}" text-anchor="middle">${escapeHtml(options.xLabel)}</text>` +
    `<text transform="translate(12 ${(height - margin.bottom + margin.top) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(options.yLabel)}</text>` +
    `<text x="${margin.left}" y="${height - 8}">${legend.join('')}</text></svg>`
  )
}

/** Cumulative share of sorted samples. */
export function cumulative(name: string, sorted: Float64Array): Series {
  return {
    name,
    points: Array.from(sorted, (value, index) => [value, (index + 1) / sorted.length] as const),
  }
}

export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

/** Round values that cover the range. */
function ticks(low: number, high: number): number[] {
  const span = high - low || Math.abs(high) || 1
  const magnitude = 10 ** Math.floor(Math.log10(span / 5))
  const step = [1, 2, 5, 10].find((factor) => span / (factor * magnitude) <= 6)! * magnitude
  const first = Math.floor(low / step)
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step)
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const low = values[0]!
  const high = values.at(-1)!
  return (value) => round(from + ((Math.min(value, high) - low) / (high - low)) * (to - from))
}

const round = (value: number): number => Math.round(value * 10) / 10

function format(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(6)))
}

/** Every nth point, ends included: more than a screen has pixels only makes the file large. */
function thin<T>(points: readonly T[]): T[] {
  if (points.length <= pointsMax) return [...points]
  return Array.from(
    { length: pointsMax },
    (_, index) => points[Math.round((index * (points.length - 1)) / (pointsMax - 1))]!,
  )
}
