import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
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
const engines = engineModels.filter(({ name }) => ['vllm', 'sglang', 'trtllm', 'llama'].includes(name))

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
type Cells = typeof cells extends fc.Arbitrary<infer Value> ? Value : never

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
function leastBytes({ model, precision, tp, pp }: Scenario['layout']): number {
  const { active } = countParameters(model)
  const read = active - (model.tiedEmbeddings ? 0 : model.vocab * model.hidden)
  const bytes = Math.min(weightBytes[precision.dense], weightBytes[precision.experts])
  return (read * bytes) / (tp * pp)
}

const fewRuns = { numRuns: 400 }

describe('what no machine can do', () => {
  it('a token takes as long as its weights take to read', () => {
    fc.assert(
      fc.property(cells, (drawn) => {
        const scenario = scenarioOf({ ...drawn, users: 1 })
        if (!scenario) return
        const { tpotMs } = steadyState(scenario)
        const { layout } = scenario
        // Stages follow one another: each reads its own part.
        const floorMs =
          (leastBytes(layout) * layout.pp) / (layout.device.bandwidthGBs * 1e6)
        expect(tpotMs).toBeGreaterThanOrEqual(floorMs)
      }),
      fewRuns,
    )
  })

  it('a prompt takes as long as its multiplications take', () => {
    fc.assert(
      fc.property(cells, (drawn) => {
        const scenario = scenarioOf({ ...drawn, users: 1 })
        if (!scenario) return
        const { layout, isl } = scenario
        const { model, device } = layout
        const { bf16, fp8, int8, fp4 } = device.tflops
        const peak = Math.max(bf16, fp8 ?? 0, int8 ?? 0, fp4 ?? 0) * 1e9
        const { active } = countParameters(model)
        // Tables of words are looked up, and the head sees the last token alone.
        const read = active - 2 * model.vocab * model.hidden
        const floorMs = (2 * Math.max(0, read) * isl) / (peak * layout.tp * layout.dp)
        expect(steadyState(scenario).ttftMs).toBeGreaterThanOrEqual(floorMs)
      }),
      fewRuns,
    )
  })

  it('weights and cache fit into the memory', () => {
    fc.assert(
      fc.property(cells, (drawn) => {
        const scenario = scenarioOf(drawn)
        if (!scenario) return
        const { weightBytes: weights, kvBytes, deviceBytes } = steadyState(scenario).budget
        expect(weights + kvBytes).toBeLessThan(deviceBytes)
      }),
      fewRuns,
    )
  })
})

describe('what has to grow', () => {
  const pairs = (change: (drawn: Cells) => Cells) =>
    cells.map((drawn) => [scenarioOf(drawn), scenarioOf(change(drawn))] as const)

  it('more users wait longer for each token, and are answered no faster in all than one by one', () => {
    fc.assert(
      fc.property(
        pairs((drawn) => ({ ...drawn, users: drawn.users * 2 })),
        ([few, many]) => {
          if (!few || !many) return
          const [less, more] = [steadyState(few), steadyState(many)]
          expect(more.tpotMs).toBeGreaterThanOrEqual(less.tpotMs * 0.999)
          expect(more.outputTokensPerSecond).toBeGreaterThanOrEqual(
            less.outputTokensPerSecond * 0.98,
          )
        },
      ),
      fewRuns,
    )
  })

  it('longer prompts take longer to the first token, and make each token slower', () => {
    fc.assert(
      fc.property(
        cells.map((drawn) => ({ ...drawn, users: 1 })),
        (drawn) => {
          const short = scenarioOf(drawn)
          const long = scenarioOf({ ...drawn, isl: drawn.isl * 2 })
          if (!short || !long) return
          const [less, more] = [steadyState(short), steadyState(long)]
          expect(more.ttftMs).toBeGreaterThanOrEqual(less.ttftMs * 0.999)
          expect(more.tpotMs).toBeGreaterThanOrEqual(less.tpotMs * 0.999)
        },
      ),
      fewRuns,
    )
  })
})
