import { engineModels } from '../../src/engines/models.ts'
import { steadyState } from '../../src/planner/load/steady-state.ts'
import { dataFile } from './data.ts'
import { fitBurst, type Sample } from './fit-engine.ts'
import { loadRows } from './rows.ts'
import { sampleRows } from './samples.ts'
import { groupBy, median } from './statistics.ts'

/** How often the configuration that we would choose is as good as the best one measured. */
export interface Ranking {
  readonly groups: number
  /** Groups whose choice is within 5 % of the best. */
  readonly within5: number
  /** Median of what the choice falls short by. */
  readonly medianShortfall: number
}

/**
 * Groups of the GPUStack lab with equal model, devices, lengths and load, and at least three configurations. Where ours
 * foresees no difference (within 0.1 %) the choice counts as the mean of those.
 */
export function rankSweeps(): Ranking {
  const rows = loadRows(dataFile('perf')).filter(
    ({ file, measured }) => file === 'gpustack_performance_lab.csv' && measured.throughput !== null,
  )
  const { samples } = sampleRows(loadRows(dataFile('perf')))
  const sampleOf = new Map(samples.map((sample) => [sample.row.file + sample.row.index, sample]))
  const groups = groupBy(rows, ({ cells }) =>
    [cells.model, cells.gpu, cells.num_gpus, cells.isl, cells.osl, cells.concurrency_or_batch].join(
      ' | ',
    ),
  )
  const shortfalls: number[] = []
  let within5 = 0
  for (const members of groups.values()) {
    const own = members.flatMap((row) => sampleOf.get(row.file + row.index) ?? [])
    if (own.length < 3) continue
    const judged = judgeUnseen(own, samples)
    const best = Math.max(...judged.map(({ measured }) => measured))
    const foreseen = Math.max(...judged.map(({ predicted }) => predicted))
    const chosen = judged.filter(({ predicted }) => predicted >= foreseen * 0.999)
    within5 += chosen.filter(({ measured }) => measured >= best * 0.95).length / chosen.length
    shortfalls.push(
      1 - chosen.reduce((sum, { measured }) => sum + measured, 0) / chosen.length / best,
    )
    if (process.argv.includes('--groups'))
      for (const one of judged)
        console.log(
          chosen.includes(one) ? '→' : ' ',
          one.row.input.model,
          one.row.cells.engine,
          one.row.cells.version,
          Math.round(one.predicted),
          Math.round(one.measured),
          /cmd=(.*)/.exec(one.row.cells.notes ?? '')?.[1]?.slice(0, 170),
        )
    if (process.argv.includes('--groups')) console.log()
  }
  return { groups: shortfalls.length, within5, medianShortfall: median(shortfalls) }
}

/** Throughputs as foreseen by engines that have not seen bursts of these models. */
function judgeUnseen(own: readonly Sample[], samples: readonly Sample[]) {
  const models = new Set(own.map(({ scenario }) => scenario.layout.model.name))
  const others = samples.filter(({ scenario }) => !models.has(scenario.layout.model.name))
  const engines = new Map(
    engineModels.map((engine) => {
      const rest = others.filter(({ scenario }) => scenario.engine.name === engine.name)
      const burst = fitBurst(engine, engine.fitted, rest)
      return [engine.name, { ...engine, fitted: { ...engine.fitted, burst } }]
    }),
  )
  return own.map(({ row, scenario }) => ({
    row,
    predicted: steadyState({
      ...scenario,
      engine: engines.get(scenario.engine.name) ?? scenario.engine,
    }).outputTokensPerSecond,
    measured: row.measured.throughput ?? 0,
  }))
}
