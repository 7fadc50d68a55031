import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../core/random.ts'
import { choosePowerOfTwo } from './choose.ts'
import type { RouteView } from './policy.ts'

interface Sketch {
  readonly weight: number
  readonly loads: readonly (number | null)[]
}

/** One target a sketch; a load of null is a replica behind an open breaker. */
function createView(sketches: readonly Sketch[]): RouteView {
  let at = 0
  const replicas = sketches.flatMap(({ loads }) =>
    loads.map((load) => ({ id: `r${at++}`, inFlight: load ?? 0, isAvailable: load !== null })),
  )
  let from = 0
  const targets = sketches.map(({ weight, loads }) => ({
    weight,
    from,
    to: (from += loads.length),
  }))
  return { replicas, targets }
}

const sketch = fc.record({
  weight: fc.constantFrom(0, 1, 3, 0.5),
  loads: fc.array(fc.option(fc.nat(5)), { maxLength: 5 }),
})

describe('power of two', () => {
  it('takes an available replica whenever there is one, and none else', () => {
    fc.assert(
      fc.property(
        fc.array(sketch, { maxLength: 4 }),
        fc.array(fc.nat(8)),
        fc.nat(),
        (sketches, tried, seed) => {
          const view = createView(sketches)
          const choice = choosePowerOfTwo(
            view,
            tried.map((at) => `r${at}`),
            createRandom(seed),
          )
          const available = view.replicas.filter(({ isAvailable }) => isAvailable)
          expect(choice === null).toBe(available.length === 0)
          if (!choice) return
          const { id, isAvailable } = view.replicas[choice.replica]!
          expect(isAvailable).toBe(true)
          const hasFresh = available.some((replica) => !tried.includes(Number(replica.id.slice(1))))
          expect(tried.includes(Number(id.slice(1)))).toBe(!hasFresh)
          expect(choice.reason === 'already-tried').toBe(!hasFresh)
        },
      ),
    )
  })

  it('always finds the less loaded of two', () => {
    const view = createView([{ weight: 1, loads: [4, 2] }])
    const random = createRandom(1)
    for (let draw = 0; draw < 50; draw++)
      expect(choosePowerOfTwo(view, [], random)).toEqual({ replica: 1, reason: 'less-loaded' })
  })

  it('spreads evenly where all are alike, and by weight over targets', () => {
    const view = createView([
      { weight: 3, loads: [0, 0] },
      { weight: 1, loads: [0] },
      { weight: 0, loads: [0] },
    ])
    const random = createRandom(7)
    const counts = [0, 0, 0, 0]
    for (let draw = 0; draw < 8000; draw++) counts[choosePowerOfTwo(view, [], random)!.replica]!++
    for (const [at, share] of [3 / 8, 3 / 8, 1 / 4, 0].entries())
      expect(Math.abs(counts[at]! / 8000 - share)).toBeLessThan(0.03)
  })

  it('keeps load within a few of each other, where random alone would not', () => {
    const view = createView([{ weight: 1, loads: Array(10).fill(0) }])
    const random = createRandom(3)
    for (let sent = 0; sent < 10_000; sent++)
      view.replicas[choosePowerOfTwo(view, [], random)!.replica]!.inFlight++
    const loads = view.replicas.map(({ inFlight }) => inFlight)
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThan(15)
  })

  it('uses a target of weight 0 only while nothing else can serve', () => {
    const view = createView([
      { weight: 1, loads: [null] },
      { weight: 0, loads: [0] },
    ])
    expect(choosePowerOfTwo(view, [], createRandom(1))).toEqual({ replica: 1, reason: 'only-one' })
  })
})
