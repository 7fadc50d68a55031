import type { Scenario } from '../load/scenario.ts'

export const figures = ['tpot', 'ttft', 'e2e', 'throughput'] as const
export type Figure = (typeof figures)[number]

/** One measured run: what was run, and the means that came out. Null: not measured. */
export interface Observation {
  readonly scenario: Scenario
  /** "row 3 of runs.csv", "injection 20261126-…". */
  readonly label: string
  /** ms; throughput: output tokens a second of all replicas. */
  readonly measured: Readonly<Record<Figure, number | null>>
}

/**
 * Runs under the same conditions: they are held out together, and have to agree. Means of drawn lengths and rates that
 * differ by a few percent are the same.
 */
export function conditionOf({ scenario }: Observation): string {
  const { load, isl, osl, prefixShare, replicas, maxSequences, batchedTokens, layout } = scenario
  const { tp, pp, dp, ep } = layout
  const about = (value: number | null) => value && Number(value.toPrecision(2))
  const amount =
    load.kind === 'closed'
      ? load.concurrency
      : load.kind === 'open'
        ? about(load.rateRps)
        : load.prompts
  return JSON.stringify([
    load.kind,
    amount,
    about(isl),
    about(osl),
    Math.round(prefixShare * 10),
    [replicas, maxSequences, batchedTokens, tp, pp, dp, ep],
  ])
}
