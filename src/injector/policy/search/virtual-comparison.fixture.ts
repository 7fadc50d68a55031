import { createRandom, type Random } from '../../../core/random.ts'
import { drawExponential, drawNormal } from '../statistics/draw.ts'
import { quantile } from '../statistics/quantiles.ts'
import { compare, type MetricVerdict, type Pair } from './verdict.ts'

const pairs = 8
const requests = 600

/** How much slower B is than A. */
export interface Planted {
  readonly ttft: number
  readonly tpot: number
}

/** Medians of a run in virtual time: same prompts for both arms, noise of each request, and luck of each run. */
function runMedians(prompts: readonly number[], random: Random, slower: Planted) {
  const luck = Math.exp(0.015 * drawNormal(random))
  const drawn = (base: (prompt: number) => number) =>
    quantile(
      Float64Array.from(
        prompts,
        (prompt) => base(prompt) * luck * Math.exp(0.2 * drawNormal(random)),
      ).sort(),
      0.5,
    )
  return {
    ttft: drawn((prompt) => (80 + 0.2 * prompt) * slower.ttft),
    tpot: drawn(() => 22 * slower.tpot),
  }
}

/** Eight pairs of runs on a machine whose speed drifts, and what is said of them. */
export function virtualComparison(seed: number, planted: Planted): MetricVerdict[] {
  const random = createRandom(seed)
  const ttft: Pair[] = []
  const tpot: Pair[] = []
  let drift = 1
  for (let pair = 0; pair < pairs; pair++) {
    const prompts = Array.from({ length: requests }, () => 400 * drawExponential(random))
    drift *= Math.exp(0.01 * drawNormal(random))
    const a = runMedians(prompts, random, { ttft: drift, tpot: drift })
    const b = runMedians(prompts, random, {
      ttft: drift * planted.ttft,
      tpot: drift * planted.tpot,
    })
    ttft.push({ a: a.ttft, b: b.ttft })
    tpot.push({ a: a.tpot, b: b.tpot })
  }
  return compare([
    { name: 'ttft', isLowerBetter: true, pairs: ttft },
    { name: 'tpot', isLowerBetter: true, pairs: tpot },
  ])
}

export const isDifferent = ({ verdict }: MetricVerdict): boolean =>
  verdict === 'better' || verdict === 'worse'
