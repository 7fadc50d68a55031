import { deviceCurve, engineCurve } from '../../src/planner/search/curve.ts'
import { operate, runningAt } from '../../src/planner/search/operate.ts'
import { quantile } from '../../src/planner/search/tails.ts'
import type { Workload } from '../../src/planner/workload/workload.ts'
import { dataFile } from './data.ts'
import type { Sample } from './fit-engine.ts'
import { loadRows } from './rows.ts'
import { sampleRows } from './samples.ts'
import { median, quantile as rank } from './statistics.ts'

export interface TailScore {
  readonly figure: string
  readonly rows: number
  readonly medianError: number
  /** 80 % of rows are closer, as a logarithm: what the error bars of tails are made from. */
  readonly bar80: number
}

/** Derived tails beside those of real vLLM under an open loop of known rate; lengths there hardly vary. */
export function scoreTails(): TailScore[] {
  const rows = loadRows(dataFile('perf')).filter(({ file }) => /openloop/.test(file))
  const errors = new Map<string, number[]>()
  for (const sample of sampleRows(rows).samples) {
    const found = operatingOf(sample)
    if (!found) continue
    const notes = sample.row.cells.notes ?? ''
    for (const figure of ['ttft', 'e2e'] as const)
      for (const [name, deviation] of [
        ['p90', 1.2816],
        ['p99', 2.3263],
      ] as const) {
        const measured = Number(new RegExp(`${figure}_${name}=([\\d.]+)`).exec(notes)?.[1])
        if (!(measured > 0)) continue
        const key = `${figure} ${name}`
        errors.set(key, [
          ...(errors.get(key) ?? []),
          Math.log(quantile(found[figure], deviation) / measured),
        ])
      }
  }
  return [...errors].map(([figure, logs]) => ({
    figure,
    rows: logs.length,
    medianError: median(logs.map((log) => Math.abs(Math.exp(log) - 1))),
    bar80: rank(logs.map(Math.abs), 0.8),
  }))
}

function operatingOf({ scenario }: Sample) {
  const { layout, engine, isl, osl, prefixShare, load } = scenario
  if (load.kind !== 'open' || load.rateRps === null) return null
  const shape = { isl, osl, prefixShare }
  const curve = engineCurve(
    engine,
    deviceCurve(layout, shape, scenario.batchedTokens ?? 8192, 1024),
  )
  const places = scenario.maxSequences ?? 1024
  const running = runningAt(curve, places, osl, load.rateRps / scenario.replicas)
  const workload: Workload = {
    name: 'recorded',
    inputTokens: { mean: isl, spread: 0.1 },
    outputTokens: { mean: osl, spread: 0.1 },
    prefixShare,
    slo: [],
    source: '',
  }
  return running === null ? null : operate(curve, places, workload, running)
}
