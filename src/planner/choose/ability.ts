/** What somebody scored on a benchmark; `subject` is a model in one way of running it. */
export interface Cell {
  readonly subject: string
  readonly benchmark: string
  readonly score: number
}

export interface Ability {
  /** What it would score on average over all the benchmarks. */
  readonly level: number
  /** Standard error of the level. */
  readonly error: number
}

interface Estimated {
  readonly value: number
  readonly variance: number
}

/**
 * How good everybody is who took some of several benchmarks, though nobody took all of them:
 * score = mean of the benchmark + slope of the benchmark × ability + noise: a factor analysis with one factor and holes,
 * by expectation and maximisation (Rubin and Thayer, Psychometrika 47, 1982). So two are
 * only ever compared by benchmarks that both took, or by others who took the benchmarks of either. An ability is drawn
 * to the mean of all by one standard deviation, as strongly as its benchmarks say little.
 *
 * Who shares no benchmark, not even by way of others, with most of the rest is left out.
 */
export function abilities(cells: readonly Cell[]): ReadonlyMap<string, Ability> {
  const connected = largestIsland(cells.filter(isFinite))
  const byBenchmark = [...Map.groupBy(connected, ({ benchmark }) => benchmark).values()]
  const bySubject = Map.groupBy(connected, ({ subject }) => subject)
  let lines = new Map(byBenchmark.map((group) => [group[0]!.benchmark, firstLine(group)]))
  for (let round = 0; round < rounds; round++) {
    const found = standardised(
      new Map([...bySubject].map(([subject, own]) => [subject, estimate(own, lines)])),
    )
    lines = new Map(byBenchmark.map((group) => [group[0]!.benchmark, lineThrough(group, found)]))
  }
  const all = [...lines.values()]
  const average = (pick: (line: Line) => number) =>
    all.reduce((sum, line) => sum + pick(line), 0) / all.length
  const [mean, slope] = [average((line) => line.mean), average((line) => line.slope)]
  return new Map(
    [...bySubject].map(([subject, own]) => {
      const { value, variance } = estimate(own, lines)
      return [subject, { level: mean + slope * value, error: slope * Math.sqrt(variance) }]
    }),
  )
}

const rounds = 40
const isFinite = ({ score }: Cell): boolean => Number.isFinite(score)

interface Line {
  /** Of those of mean ability. */
  readonly mean: number
  readonly slope: number
  /** Of scores around the line. */
  readonly variance: number
}

/** As if ability explained half of how those who took it differ. */
function firstLine(group: readonly Cell[]): Line {
  const { mean, deviation } = moments(group.map(({ score }) => score))
  return { mean, slope: deviation * Math.SQRT1_2, variance: deviation ** 2 / 2 }
}

function lineThrough(group: readonly Cell[], found: ReadonlyMap<string, Estimated>): Line {
  const points = group.map(({ subject, score }) => ({ ...found.get(subject)!, score }))
  const x = points.reduce((sum, { value }) => sum + value, 0) / points.length
  const { mean, deviation } = moments(points.map(({ score }) => score))
  let across = 0
  let along = 0
  for (const { value, variance, score } of points) {
    across += (value - x) ** 2 + variance
    along += (value - x) * (score - mean)
  }
  // A benchmark that tells nothing, or the wrong way round, still may not turn anybody's order.
  const slope = Math.max(along / across, deviation / 100)
  const off = points.reduce(
    (sum, { value, variance, score }) =>
      sum + (score - mean - slope * (value - x)) ** 2 + slope ** 2 * variance,
    0,
  )
  // Few who took it say little of its noise: two more, off by a third of its spread.
  const variance = (off + 2 * (deviation / 3) ** 2) / (points.length + 2)
  return { mean: mean - slope * x, slope, variance }
}

function estimate(own: readonly Cell[], lines: ReadonlyMap<string, Line>): Estimated {
  let weight = 1
  let sum = 0
  for (const { benchmark, score } of own) {
    const { mean, slope, variance } = lines.get(benchmark)!
    weight += slope ** 2 / variance
    sum += (slope * (score - mean)) / variance
  }
  return { value: sum / weight, variance: 1 / weight }
}

/** Abilities with a mean of 0 and a variance of 1, which fixes what slopes and means are measured in. */
function standardised(found: ReadonlyMap<string, Estimated>): Map<string, Estimated> {
  const all = [...found.values()]
  const { mean, deviation } = moments(all.map(({ value }) => value))
  const scale = Math.hypot(
    deviation,
    Math.sqrt(all.reduce((sum, { variance }) => sum + variance, 0) / all.length),
  )
  return new Map(
    [...found].map(([subject, { value, variance }]) => [
      subject,
      { value: (value - mean) / scale, variance: variance / scale ** 2 },
    ]),
  )
}

function moments(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: Math.sqrt(variance) || 1 }
}

/** The most cells that hang together by shared subjects and benchmarks. */
function largestIsland(cells: readonly Cell[]): readonly Cell[] {
  const left = new Set(cells)
  const bySubject = Map.groupBy(cells, ({ subject }) => subject)
  const byBenchmark = Map.groupBy(cells, ({ benchmark }) => benchmark)
  let largest: readonly Cell[] = []
  for (const start of cells) {
    if (!left.delete(start)) continue
    const island = [start]
    for (const { subject, benchmark } of island)
      for (const next of [...bySubject.get(subject)!, ...byBenchmark.get(benchmark)!])
        if (left.delete(next)) island.push(next)
    if (island.length > largest.length) largest = island
  }
  return largest
}
