import { isWide, linearAxis, logAxis, namedAxis, type Axis } from './chart-axis.ts'

/** Charts as SVG text: readable without a script, nothing fetched. Colours are those of the page, light or dark. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Number of the colour (0 to 5); the place in the list otherwise. */
  readonly colour?: number
}

export interface Band {
  readonly name: string
  readonly from: number
  readonly to: number
}

export interface ChartOptions {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly kind: 'line' | 'dots' | 'steps' | 'line-dots'
  readonly series: readonly Series[]
  /** Vertical bands, such as faults. */
  readonly bands?: readonly Band[]
  /** Lines across at a value: limits. */
  readonly limits?: readonly { readonly name: string; readonly y: number }[]
  /** Lines from top to bottom. */
  readonly marks?: readonly { readonly name: string; readonly x: number }[]
  readonly yMax?: number
  /** `auto`: logarithmic where the spread is wide. */
  readonly xScale?: 'linear' | 'auto'
  readonly yScale?: 'linear' | 'auto'
  readonly xTicks?: Axis['ticks']
}

const width = 560
const height = 270
const margin = { left: 60, right: 14, top: 30, bottom: 60 }
const pointsMax = 1500

/** A figure with axes, grid, legend and a title that screen readers tell. '' where there is nothing to show. */
export function chart(options: ChartOptions): string {
  const series = options.series
    .map((one, index) => ({
      ...one,
      colour: (one.colour ?? index) % 6,
      points: thin(one.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))),
    }))
    .filter(({ points }) => points.length > 0)
  if (series.length === 0) return ''
  const xs = series.flatMap(({ points }) => points.map(([value]) => value))
  const ys = series.flatMap(({ points }) => points.map(([, value]) => value))
  const limits = (options.limits ?? []).filter(({ y }) => y <= 4 * greatestOf(ys))
  const right = width - margin.right
  const bottom = height - margin.bottom
  const x = options.xTicks
    ? namedAxis(options.xTicks, margin.left, right)
    : options.xScale === 'auto' && isWide(xs)
      ? logAxis(xs, margin.left, right)
      : linearAxis(xs, margin.left, right)
  const allY = [...ys, ...limits.map((limit) => limit.y)]
  const y =
    options.yScale === 'auto' && isWide(ys)
      ? logAxis(allY, bottom, margin.top)
      : linearAxis(allY, bottom, margin.top, options.yMax)

  const grid = [
    ...y.ticks.map(
      ({ value, label }) =>
        `<line x1="${margin.left}" x2="${right}" y1="${y.at(value)}" y2="${y.at(value)}" class="grid"/>` +
        `<text x="${margin.left - 6}" y="${y.at(value) + 4}" text-anchor="end">${label}</text>`,
    ),
    ...x.ticks.map(
      ({ value, label }) =>
        `<text x="${x.at(value)}" y="${bottom + 16}" text-anchor="middle">${label}</text>`,
    ),
  ]
  const bands = (options.bands ?? []).map(
    ({ name, from, to }) =>
      `<rect x="${x.at(from)}" width="${Math.max(2, x.at(to) - x.at(from)).toFixed(1)}" y="${margin.top}" height="${bottom - margin.top}" class="band"><title>${escapeHtml(name)}</title></rect>`,
  )
  const lines = [
    ...limits.map(
      (limit) =>
        `<line x1="${margin.left}" x2="${right}" y1="${y.at(limit.y)}" y2="${y.at(limit.y)}" class="limit"/><text x="${right}" y="${y.at(limit.y) - 4}" text-anchor="end" class="limit">${escapeHtml(limit.name)}</text>`,
    ),
    ...(options.marks ?? []).map(
      (mark) =>
        `<line x1="${x.at(mark.x)}" x2="${x.at(mark.x)}" y1="${margin.top}" y2="${bottom}" class="limit"/><text x="${x.at(mark.x) + 4}" y="${margin.top + 10}" class="limit">${escapeHtml(mark.name)}</text>`,
    ),
  ]
  const title = escapeHtml(options.title)
  return (
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}: ${escapeHtml(options.yLabel)} over ${escapeHtml(options.xLabel)}" ${scaleAttributes('x', x)} ${scaleAttributes('y', y)}>` +
    `<text x="0" y="14" class="title">${title}</text>${grid.join('')}${bands.join('')}` +
    series.map((one) => marksOf(one, options.kind, x, y)).join('') +
    lines.join('') +
    `<text x="${(margin.left + right) / 2}" y="${height - 28}" text-anchor="middle">${escapeHtml(options.xLabel)}</text>` +
    `<text transform="translate(11 ${(bottom + margin.top) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(options.yLabel)}</text>` +
    `<text x="${margin.left}" y="${height - 8}">${series.map(({ name, colour }) => `<tspan class="key${colour}">● </tspan><tspan>${escapeHtml(name)}    </tspan>`).join('')}</text></svg>`
  )
}

/** Cumulative share of sorted samples. */
export function cumulative(name: string, sorted: Float64Array, colour?: number): Series {
  return {
    name,
    ...(colour === undefined ? {} : { colour }),
    points: Array.from(sorted, (value, index) => [value, (index + 1) / sorted.length] as const),
  }
}

export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

function marksOf(
  { name, points, colour }: Series,
  kind: ChartOptions['kind'],
  x: Axis,
  y: Axis,
): string {
  const label = escapeHtml(name)
  const circles = (radius: number) =>
    points.map(([px, py]) => `<circle cx="${x.at(px)}" cy="${y.at(py)}" r="${radius}"/>`).join('')
  if (kind === 'dots')
    return `<g class="dots fill${colour}" data-name="${label}">${circles(1.9)}</g>`
  const path = points
    .map(([px, py], at) =>
      at === 0
        ? `M${x.at(px)} ${y.at(py)}`
        : kind === 'steps'
          ? `H${x.at(px)}V${y.at(py)}`
          : `L${x.at(px)} ${y.at(py)}`,
    )
    .join('')
  // A line of one point is none.
  const dots =
    kind === 'line-dots' || points.length === 1
      ? `<g class="fill${colour}">${circles(2.6)}</g>`
      : ''
  return `<path d="${path}" class="line stroke${colour}" data-name="${label}"/>${dots}`
}

/** From which the script of the page tells values under the pointer. */
const scaleAttributes = (name: 'x' | 'y', { low, high, isLog, at }: Axis): string =>
  `data-${name}="${[low, high, at(low), at(high), isLog ? 1 : 0].join(' ')}"`

/** Every nth point, ends included: more than a screen has pixels only makes the file large. */
function thin<T>(points: readonly T[]): T[] {
  if (points.length <= pointsMax) return [...points]
  return Array.from(
    { length: pointsMax },
    (_, index) => points[Math.round((index * (points.length - 1)) / (pointsMax - 1))]!,
  )
}

const greatestOf = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), -Infinity)
