import { describe, expect, it } from 'vitest'
import { createRandom } from '../../core/random.ts'
import { engineModels } from '../../engines/models.ts'
import { steadyState } from '../load/steady-state.ts'
import { predictRow } from '../predict/predict-row.ts'
import { readRow } from '../predict/row.ts'
import { withCalibrations } from './apply.ts'
import { calibrate } from './calibrate.ts'
import type { Observation } from './observation.ts'
import { readTableRow } from './read-observation.ts'
import { windowsOf } from './windows.ts'

const base = {
  engine: 'vllm',
  version: '0.15',
  model: 'Llama-3.1-8B',
  gpu: 'L40S',
  num_gpus: '1',
  tp: '1',
  pp: '1',
  precision: 'bf16',
  isl: '1000',
  osl: '200',
}
const conditions = [1, 2, 4, 8, 16, 32, 64].map((users) => ({
  ...base,
  concurrency_or_batch: String(users),
}))

/** Runs of a device that is `factor` slower than published ones, with noise of five percent. */
function runs(
  factor: number,
  cells: readonly Record<string, string>[] = conditions,
): Observation[] {
  const random = createRandom(7)
  const noise = () => Math.exp(0.1 * (random() - 0.5))
  return cells.map((row, at) => {
    const one = readTableRow(row, `row ${at + 1}`, engineModels)
    const state = steadyState(one.scenario)
    return {
      ...one,
      measured: {
        tpot: state.tpotMs * factor * noise(),
        ttft: state.ttftMs * factor * noise(),
        e2e: null,
        throughput: null,
      },
    }
  })
}

const refused = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

describe('calibrate', () => {
  it('finds a machine that is half slower, also where it was not shown the runs', () => {
    const { before, heldOut, heldOutInside } = calibrate(runs(1.5))
    expect(before.tpot!.meanApe).toBeGreaterThan(0.3)
    expect(heldOut.tpot!.meanApe).toBeLessThan(0.06)
    expect(heldOut.ttft!.meanApe).toBeLessThan(0.1)
    expect(heldOutInside).toBeGreaterThan(0.6)
  })

  it('moves little for three runs that hardly differ from what is shipped', () => {
    const found = calibrate(runs(1.08, conditions.slice(0, 3)))
    for (const factor of Object.values(found.moved))
      expect(Math.abs(Math.log(factor))).toBeLessThan(0.4)
  })

  it('is not carried away by one odd run', () => {
    const odd = runs(1.5).map((one, at) =>
      at === 3 ? { ...one, measured: { ...one.measured, tpot: one.measured.tpot! * 4 } } : one,
    )
    const { calibration } = calibrate(odd)
    const engines = withCalibrations(engineModels, [calibration])
    const [clean] = runs(1.5, conditions.slice(5, 6))
    const row = predictRow(0, readRow(conditions[5]!), engines)
    expect('tpotMsMean' in row && row.tpotMsMean / clean!.measured.tpot!).toBeCloseTo(1, 0)
  })

  it('is used for its model and device alone, and says so with narrower bars', () => {
    const { calibration } = calibrate(runs(1.5))
    const engines = withCalibrations(engineModels, [calibration])
    const predict = (change: object, known = engines) =>
      predictRow(0, readRow({ ...conditions[3]!, ...change }), known)
    const own = predict({})
    const published = predict({}, [...engineModels])
    if (!('errorBar' in own) || !('errorBar' in published)) throw new Error('unsupported')
    expect(own.isCalibrated).toBe(true)
    const width = ([low, high]: readonly [number, number]) => high / low
    for (const figure of ['tpotMs', 'ttftMs', 'e2eMs', 'outputTokensPerSecond'] as const)
      expect(width(own.errorBar[figure])).toBeLessThan(width(published.errorBar[figure]))
    expect(predict({ gpu: 'H100' })).toEqual(predict({ gpu: 'H100' }, [...engineModels]))
    expect(predict({ precision: 'fp8' })).not.toHaveProperty('isCalibrated')
  })

  it('is less sure far from what was measured', () => {
    const { calibration } = calibrate(runs(1.5, conditions.slice(0, 4)))
    const engines = withCalibrations(engineModels, [calibration])
    const width = (users: string, isl: string) => {
      const row = readRow({ ...base, isl, concurrency_or_batch: users })
      const found = predictRow(0, row, engines)
      return 'errorBar' in found ? found.errorBar.ttftMs[1] / found.errorBar.ttftMs[0] : 0
    }
    expect(width('128', '8000')).toBeGreaterThan(width('4', '1000'))
  })

  it.each([
    ['one row', () => runs(1.2).slice(0, 1), /1 usable run of 1 condition: .* needs three runs/],
    [
      'one load',
      () => [...runs(1.2).slice(0, 1), ...runs(1.2).slice(0, 1), ...runs(1.2).slice(0, 1)],
      /of 1 condition/,
    ],
    [
      'runs that contradict each other',
      () => [...runs(1), ...runs(2).map((one) => ({ ...one, label: `${one.label} again` }))],
      /row \d and row \d again are the same run, yet their tpot differs 2(\.\d)?-fold/,
    ],
    [
      'seconds',
      () =>
        runs(1).map((one) => ({
          ...one,
          measured: {
            ...one.measured,
            tpot: one.measured.tpot! / 1e3,
            ttft: one.measured.ttft! / 1e3,
          },
        })),
      /these look like seconds/,
    ],
    [
      'two models',
      () => [
        ...runs(1),
        ...runs(
          1,
          conditions.map((row) => ({ ...row, model: 'Qwen3-32B', precision: 'fp8' })),
        ),
      ],
      /the runs are of 2 different things/,
    ],
    [
      'no results',
      () =>
        runs(1).map((one) => ({
          ...one,
          measured: { tpot: null, ttft: null, e2e: null, throughput: null },
        })),
      /0 usable runs.*row 1: no result/,
    ],
  ])('refuses %s with the reason', (_, given, message) => {
    expect(() => calibrate(given())).toThrow(refused('planner/bad-calibration', message))
  })

  it('refuses noise that carries nothing over', () => {
    const random = createRandom(4)
    const noise = runs(1).map((one) => ({
      ...one,
      measured: {
        ...one.measured,
        tpot: one.measured.tpot! * Math.exp(1.2 * (random() - 0.5)),
        ttft: one.measured.ttft! * Math.exp(1.2 * (random() - 0.5)),
      },
    }))
    expect(() => calibrate(noise)).toThrow(refused('planner/calibration-refused', /foreseen worse/))
  })

  it('leaves out throughput that counts prompts', () => {
    const wrong = runs(1.3).map((one) => ({
      ...one,
      measured: { ...one.measured, throughput: 1e5 },
    }))
    const { notes, before } = calibrate(wrong)
    expect(notes[0]).toMatch(/row 1: at this throughput .* does it count prompts/)
    expect(before.throughput).toBeNull()
  })
})

describe('windowsOf', () => {
  it('cuts traffic where it falls silent, into runs of equal size', () => {
    const served = (count: number, fromMs: number) =>
      Array.from({ length: count }, (_, at) => ({
        atMs: fromMs + at * 500,
        promptTokens: 100,
        cachedTokens: 50,
        answerTokens: 11,
        ttftMs: 200,
        e2eMs: 700,
      }))
    const windows = windowsOf([...served(40, 0), ...served(20, 1e6), ...served(3, 2e6)])
    expect(windows.map(({ requests }) => requests)).toEqual([15, 25, 20])
    expect(windows[0]).toMatchObject({
      rateRps: 2,
      tpotMs: 50,
      ttftMs: 200,
      prefixShare: 0.5,
      osl: 11,
    })
  })
})
