// How well the built-in scores foresee a benchmark that they have not seen: node bench/choose/held-out.ts
import { abilities, type Cell } from '../../src/planner/choose/ability.ts'
import { publishedScores } from '../../src/planner/choose/published/boards.ts'
import { tasks } from '../../src/planner/choose/scores.ts'

/** Fewer models than this say nothing of an order. */
const least = 8

interface Found {
  readonly name: string
  readonly models: number
  /** Rank correlation of the held-out scores with the abilities by all others, and with the plain mean of all others. */
  readonly ability: number
  readonly mean: number
}

for (const task of tasks) {
  const scores = publishedScores(task)
  const found: Found[] = []
  for (const [group, members] of Map.groupBy(
    scores,
    ({ language, facet }) => `${language} ${facet ?? ''}`,
  )) {
    const cells = members.map(({ model, thinks = false, benchmark, score }): Cell => ({
      subject: thinks ? `${model} thinking` : model,
      benchmark,
      score,
    }))
    for (const benchmark of new Set(cells.map((cell) => cell.benchmark))) {
      const rest = cells.filter((cell) => cell.benchmark !== benchmark)
      const known = abilities(rest)
      const means = meansOf(rest)
      const both = cells.filter((cell) => cell.benchmark === benchmark && known.has(cell.subject))
      if (both.length < least) continue
      const held = both.map(({ score }) => score)
      found.push({
        name: `${benchmark} (${group.trim()})`,
        models: both.length,
        ability: rankCorrelation(
          held,
          both.map(({ subject }) => known.get(subject)!.level),
        ),
        mean: rankCorrelation(
          held,
          both.map(({ subject }) => means.get(subject)!),
        ),
      })
    }
  }
  const at = (share: number, pick: (one: Found) => number) =>
    found
      .map(pick)
      .sort((a, b) => a - b)
      [Math.floor(share * (found.length - 1))]?.toFixed(2) ?? '–'
  console.log(
    `${task.padEnd(9)} ${String(found.length).padStart(3)} benchmarks held out; rank correlation, median (lowest tenth): ability ${at(0.5, (one) => one.ability)} (${at(0.1, (one) => one.ability)}), plain mean ${at(0.5, (one) => one.mean)} (${at(0.1, (one) => one.mean)})`,
  )
}

function meansOf(cells: readonly Cell[]): Map<string, number> {
  return new Map(
    [...Map.groupBy(cells, ({ subject }) => subject)].map(([subject, own]) => [
      subject,
      own.reduce((sum, { score }) => sum + score, 0) / own.length,
    ]),
  )
}

/** Spearman's, ties sharing their ranks. */
function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)]
  const mean = (a.length - 1) / 2
  const sum = (of: (at: number) => number) => x.reduce((total, _, at) => total + of(at), 0)
  const over = sum((at) => (x[at]! - mean) * (y[at]! - mean))
  return over / Math.sqrt(sum((at) => (x[at]! - mean) ** 2) * sum((at) => (y[at]! - mean) ** 2))
}

function ranks(values: readonly number[]): number[] {
  return values.map(
    (value) =>
      values.filter((other) => other < value).length +
      (values.filter((other) => other === value).length - 1) / 2,
  )
}
