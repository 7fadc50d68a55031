import fc from 'fast-check'
import { describe, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { weightBytes } from '../kernel-precision.ts'
import { steadyState } from '../load/steady-state.ts'
import type { Scenario } from '../load/scenario.ts'
import { countParameters } from '../model-facts.ts'
import { modelCatalogue } from '../models/catalogue.ts'
import { acceleratorCatalogue } from '../accelerators/resolve-accelerator.ts'
import { readScenario } from './read-scenario.ts'
import { readRow } from './row.ts'

/**
 * What no machine can do, whatever coefficients are fitted: every model that is built in on every accelerator, most of
 * which nobody has measured together.
 */
const models = modelCatalogue.map(({ facts }) => facts).filter(({ kind }) => kind === 'decoder')
const devices = acceleratorCatalogue.map(({ accelerator }) => accelerator)
const engines = engineModels.filter(({ name }) =>
  ['vllm', 'sglang', 'trtllm', 'llama'].includes(name),
)

const cells = fc.record({
  engine: fc.constantFrom(...engines.map(({ name }) => name)),
  model: fc.constantFrom(...models.map(({ name }) => name)),
  gpu: fc.constantFrom(...devices.map(({ name }) => name)),
  tp: fc.constantFrom('1', '2', '4', '8'),
  precision: fc.constantFrom('', 'bf16', 'fp8', 'int8', 'int4'),
  isl: fc.integer({ min: 1, max: 32_000 }),
  osl: fc.integer({ min: 2, max: 4000 }),
  users: fc.integer({ min: 1, max: 512 }),
})
type Drawn = typeof cells extends fc.Arbitrary<infer Value> ? Value : never
type Cells = Omit<Drawn, 'tp'> & { readonly tp: string }

function scenarioOf({ isl, osl, users, ...rest }: Cells): Scenario | null {
  const row = readRow({
    ...rest,
    pp: '1',
    num_gpus: rest.tp,
    isl: String(isl),
    osl: String(osl),
    concurrency_or_batch: String(users),
  })
  const scenario = readScenario(row, engines)
  return 'reason' in scenario ? null : scenario
}

/** Bytes that a token of one sequence has to fetch from the memory of each device, caches left out. */
function leastBytes({ model, precision, tp, dp }: Scenario['layout']): number {
  const { active } = countParameters(model)
  const read = active - (model.tiedEmbeddings ? 0 : model.vocab * model.hidden)
  const bytes = Math.min(weightBytes[precision.dense], weightBytes[precision.experts])
  return (read * bytes) / (tp * dp)
}

/** Multiplications and additions of a prompt: words are looked up, and the head sees the last token alone. */
function leastFlops({ layout: { model }, isl }: Scenario): number {
  return 2 * isl * Math.max(0, countParameters(model).active - 2 * model.vocab * model.hidden)
}

/** The same draws each time: a new fit fails here or does not, it is not luck. */
const draws = { numRuns: 400, seed: 20_261_127 }
/** Published rates are rounded, and clocks rise above what they were stated for. */
const slack = 0.95

/** `times`: a figure over what it can't be less than; null where the cells can't be predicted. */
const never = (times: (drawn: Cells) => number | null, least = slack) =>
  fc.assert(
    fc.property(cells, (drawn) => (times(drawn) ?? Infinity) >= least),
    draws,
  )

/** A figure after a change over the same before. */
function ratio(
  before: Cells,
  after: Cells,
  figure: 'tpotMs' | 'ttftMs' | 'outputTokensPerSecond',
): number | null {
  const [from, to] = [scenarioOf(before), scenarioOf(after)]
  return from && to && steadyState(to)[figure] / steadyState(from)[figure]
}

describe('what no machine can do', () => {
  it('a token takes as long as its weights take to read', () =>
    never((drawn) => {
      const scenario = scenarioOf({ ...drawn, users: 1 })
      if (!scenario) return null
      const { layout } = scenario
      return (
        steadyState(scenario).tpotMs / (leastBytes(layout) / (layout.device.bandwidthGBs * 1e6))
      )
    }))

  it('a prompt takes as long as its multiplications take on all devices together', () =>
    never((drawn) => {
      const scenario = scenarioOf({ ...drawn, users: 1 })
      if (!scenario) return null
      const { device, tp, pp, dp } = scenario.layout
      const peak = Math.max(...Object.values(device.tflops).map((rate) => rate ?? 0)) * 1e9
      return steadyState(scenario).ttftMs / (leastFlops(scenario) / (peak * tp * pp * dp))
    }))

  it('weights and cache fit into the memory', () =>
    never((drawn) => {
      const scenario = scenarioOf(drawn)
      if (!scenario) return null
      const { weightBytes: weights, kvBytes, deviceBytes } = steadyState(scenario).budget
      return deviceBytes / (weights + kvBytes)
    }, 1))
})

describe('what has to grow', () => {
  it('more users wait longer for each token', () =>
    never((drawn) => ratio(drawn, { ...drawn, users: drawn.users * 2 }, 'tpotMs'), 0.97))

  it('and for the first one, above all where prompts are long and answers short', () =>
    never((drawn) => {
      const read = { ...drawn, isl: drawn.isl + 2000, osl: 2 + (drawn.osl % 64) }
      const few = { ...read, users: 1 + (drawn.users % 8) }
      const more = { ...few, users: few.users + 1 }
      const ratios = (['ttftMs', 'tpotMs'] as const).map((figure) => ratio(few, more, figure) ?? 1)
      return Math.min(...ratios)
    }, 0.97))

  it('and get more in all', () =>
    never((drawn) => {
      const long = { ...drawn, osl: drawn.osl + 64, users: 1 + (drawn.users % 64) }
      return ratio(long, { ...long, users: long.users * 2 }, 'outputTokensPerSecond')
    }, 0.9))

  it('longer prompts take longer to the first token, and make each token slower', () => {
    const longer = (figure: 'ttftMs' | 'tpotMs') => (drawn: Cells) =>
      ratio({ ...drawn, users: 1 }, { ...drawn, users: 1, isl: drawn.isl * 2 }, figure)
    never(longer('ttftMs'), 0.9)
    never(longer('tpotMs'), 0.999)
  })

  it('more ranks on a fast link decode a large model faster', () =>
    never((drawn) => {
      const alone = { ...drawn, users: 1, tp: '1' }
      const scenario = scenarioOf(alone)
      if (!scenario || leastBytes(scenario.layout) < 20e9) return null
      const { kind } = scenario.layout.device.link
      if (kind === 'pcie' || kind === 'none' || scenario.engine.name === 'llama') return null
      const shared = ratio(alone, { ...alone, tp: '2' }, 'tpotMs')
      return shared && 1 / shared
    }, 1))
})
