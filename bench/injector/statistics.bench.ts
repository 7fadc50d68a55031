/** What the comparison and the search decide in virtual time, where the truth is known: `node bench/injector/statistics.bench.ts`. */
import {
  isDifferent,
  virtualComparison,
  type Planted,
} from '../../src/injector/policy/search/virtual-comparison.fixture.ts'
import {
  capacityPerS,
  virtualSearch,
  virtualTruth,
} from '../../src/injector/policy/search/virtual-queue.fixture.ts'

const seeds = Array.from({ length: 200 }, (_, index) => index + 1)
const percent = (share: number) => `${(share * 100).toFixed(1)} %`

const same = seeds.map((seed) => virtualComparison(seed, { ttft: 1, tpot: 1 }))
console.log(
  `A/A: ${same.filter((verdicts) => verdicts.some(isDifferent)).length} of ${seeds.length} called different at 5 % (bar 16)`,
)
for (const [name, planted] of [
  ['TTFT p50', { ttft: 1.05, tpot: 1 }],
  ['TPOT p50', { ttft: 1, tpot: 1.05 }],
] as const satisfies (readonly [string, Planted])[]) {
  const verdicts = seeds.map((seed) => virtualComparison(seed, planted))
  const of = (wanted: (metric: string) => boolean, holds: typeof isDifferent) =>
    verdicts.filter((all) => all.some((one) => wanted(one.name) && holds(one))).length
  const found = of(
    (metric) => metric === name,
    ({ verdict }) => verdict === 'worse',
  )
  const untouched = name === 'TTFT p50' ? 'TPOT p50' : 'TTFT p50'
  const other = of((metric) => metric === untouched, isDifferent)
  const inside = of(
    (metric) => metric === name,
    ({ interval }) => interval[0] <= 1.05 && interval[1] >= 1.05,
  )
  console.log(
    `5 % more ${name}: found in ${percent(found / seeds.length)} (bar 95 %), interval holds it in ${percent(inside / seeds.length)}, ${untouched} called different in ${percent(other / seeds.length)}`,
  )
}

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)
const knees = seeds.slice(0, 40).map((seed) => virtualSearch(seed, 1, false))
const kneeErrors = sorted(knees.map((result) => Math.abs(result.capacityPerS! / capacityPerS - 1)))
const kneeRequests = sorted(knees.map(({ requests }) => requests))
/** A linear sweep in steps of 3 % of the capacity, 4,000 requests a step. */
const linearKnee = Math.ceil(capacityPerS / 3) * 4000
console.log(
  `knee of ${capacityPerS}/s: error median ${percent(kneeErrors[20]!)}, worst of 40 ${percent(kneeErrors.at(-1)!)} (bar 3 %); requests median ${kneeRequests[20]}, most ${kneeRequests.at(-1)}, linear sweep ${linearKnee} (bar half of it)`,
)

const truth = virtualTruth()
const rates = seeds.slice(0, 40).map((seed) => virtualSearch(seed))
const rateErrors = sorted(rates.map(({ ratePerS }) => Math.abs(ratePerS! / truth - 1)))
const rateRequests = sorted(rates.map(({ requests }) => requests))
const holding = rates.filter(
  ({ interval }) => interval && interval[0] <= truth && interval[1] >= truth,
)
console.log(
  `highest rate within a limit, ${truth}/s: error median ${percent(rateErrors[20]!)}, p90 ${percent(rateErrors[36]!)}; 95 % interval holds it in ${percent(holding.length / rates.length)}; requests median ${rateRequests[20]}, linear sweep ${Math.ceil(truth / 3) * 16_000}`,
)
