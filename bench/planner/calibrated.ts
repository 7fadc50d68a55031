import { join } from 'node:path'
import { createRandom } from '../../src/core/random.ts'
import { withCalibrations } from '../../src/planner/calibrate/apply.ts'
import { calibrate } from '../../src/planner/calibrate/calibrate.ts'
import { conditionOf, type Observation } from '../../src/planner/calibrate/observation.ts'
import type { EngineModel } from '../../src/core/engine-model.ts'
import { measuredName } from '../../src/planner/model-facts.ts'
import { predictRow } from '../../src/planner/predict/predict-row.ts'
import { dataDirectory } from './data.ts'
import type { Sample } from './fit-engine.ts'
import { loadRows } from './rows.ts'
import { sampleRows } from './samples.ts'
import { groupBy, mean, median } from './statistics.ts'

/**
 * What `baleen calibrate` is worth on published runs: each engine version, model, precision and device with ten conditions or
 * more is treated as never measured, a few of its conditions are given to a calibration, the others are foreseen.
 */
const counts = [3, 6, 10]
const least = 14

const { samples } = sampleRows(loadRows(join(dataDirectory, 'perf')))
const usable = samples.filter(
  ({ row, scenario }) =>
    row.unfitReason === null && scenario.load.kind !== 'saturated' && row.measured.tpot !== null,
)
const groups = [...groupBy(usable, keyOf).values()].filter(
  (group) => new Set(group.map(observe).map(conditionOf)).size >= least,
)
process.stdout.write(`${groups.length} groups, ${groups.flat().length} runs\n\n`)
process.stdout.write(
  '| shown | TPOT before | after | inside 80 % | TTFT before | after | inside 80 % | refused |\n',
)
process.stdout.write('|--:|--:|--:|--:|--:|--:|--:|--:|\n')
for (const count of counts) print(count)

function print(count: number): void {
  const seen = { tpot: [] as Judged[], ttft: [] as Judged[] }
  let refused = 0
  groups.forEach((group, at) => {
    const strangers = group.map(stranger)
    const conditions = [...groupBy(strangers, (one) => conditionOf(observe(one))).values()]
    const order = shuffled(conditions, at + 1)
    const shown = order.slice(0, count).flat().map(observe)
    let engine = strangers[0]!.scenario.engine
    try {
      const { calibration } = calibrate(shown)
      engine = withCalibrations([engine], [calibration])[0]!
    } catch {
      refused++
    }
    for (const sample of order.slice(count).flat()) judge(sample, engine, seen)
  })
  const share = (judged: readonly Judged[], of: (one: Judged) => number) =>
    `${(100 * mean(judged.map(of))).toFixed(0)} %`
  const middle = (judged: readonly Judged[], of: (one: Judged) => number) =>
    `${(100 * median(judged.map(of))).toFixed(1)} %`
  const cells = (judged: readonly Judged[]) => [
    middle(judged, ({ before }) => before),
    middle(judged, ({ after }) => after),
    share(judged, ({ isInside }) => (isInside ? 1 : 0)),
  ]
  process.stdout.write(
    `| ${[count, ...cells(seen.tpot), ...cells(seen.ttft), `${refused} of ${groups.length}`].join(' | ')} |\n`,
  )
}

interface Judged {
  readonly before: number
  readonly after: number
  readonly isInside: boolean
}

function judge(
  { row, scenario }: Sample,
  engine: EngineModel,
  seen: Record<'tpot' | 'ttft', Judged[]>,
): void {
  const before = predictRow(0, row.input, [scenario.engine])
  const after = predictRow(0, row.input, [engine])
  if (!('errorBar' in before) || !('errorBar' in after)) return
  for (const [figure, key, bar] of [
    ['tpot', 'tpotMsMean', 'tpotMs'],
    ['ttft', 'ttftMsMean', 'ttftMs'],
  ] as const) {
    const measured = row.measured[figure]
    if (measured === null) continue
    const [low, high] = after.errorBar[bar]
    seen[figure].push({
      before: Math.abs(before[key] / measured - 1),
      after: Math.abs(after[key] / measured - 1),
      isInside: measured >= low && measured <= high,
    })
  }
}

/** As if nobody had measured this model or this pair. */
function stranger(sample: Sample): Sample {
  const { scenario } = sample
  const name = measuredName(scenario.layout.model)
  const without = (corrections: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(corrections).filter(
        ([key]) => !key.endsWith(`model ${name}`) && !key.includes(`pair ${name} on`),
      ),
    )
  const { fitted } = scenario.engine
  const engine: EngineModel = {
    ...scenario.engine,
    fitted: {
      ...fitted,
      stepCorrections: without(fitted.stepCorrections),
      firstTokenCorrections: without(fitted.firstTokenCorrections),
    },
  }
  return { ...sample, scenario: { ...scenario, engine } }
}

function keyOf({ scenario }: Sample): string {
  const { engine, version, layout } = scenario
  const { model, device, precision } = layout
  return [
    engine.name,
    version,
    measuredName(model),
    device.name,
    precision.dense,
    precision.experts,
  ].join()
}

function observe({ row, scenario }: Sample): Observation {
  return {
    scenario,
    label: `row ${row.index + 1} of ${row.file}`,
    measured: { ...row.measured, e2e: null, throughput: null },
  }
}

function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const random = createRandom(seed)
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
