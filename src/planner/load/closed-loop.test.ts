import { describe, expect, test } from 'vitest'
import { type ClosedLoop, playClosedLoop } from './closed-loop.ts'

const base: ClosedLoop = {
  users: 16,
  places: 64,
  promptMs: 20,
  readingMs: 0,
  stepMs: 10,
  steps: 1000,
  promptsPerStep: 1,
  acceptMs: 0,
  recvInterval: 1,
  mixesPrefill: true,
  spread: 0.1,
}
const turn = (change: Partial<ClosedLoop> = {}) => playClosedLoop({ ...base, ...change }).turnMs

describe('a closed loop', () => {
  test('makes a single user wait for nobody', () => {
    expect(turn({ users: 1 })).toBeCloseTo(3, 9)
    expect(turn({ users: 1, mixesPrefill: false, readingMs: 3, spread: 0 })).toBeCloseTo(6, 9)
  })

  test('begins with all prompts at once, which a tenth of the requests wait for', () => {
    const rest = turn({ promptMs: 1e-6 })
    const wait = turn() - rest
    expect(wait).toBeGreaterThan((15 / 2 / 10) * 20)
    expect(wait).toBeLessThan(2 * (15 / 2 / 10) * 20)
  })

  test('keeps those together whose prompts were read together, as long as lengths are alike', () => {
    const first = { mixesPrefill: false, promptsPerStep: 16 }
    expect(turn({ ...first, spread: 0 })).toBeCloseTo(15 * 20 + 3, 6)
    expect(turn({ ...first, spread: 0.1 })).toBeLessThan(0.5 * 15 * 20)
  })

  test('lets whoever finds no place wait for an answer to end', () => {
    const half = turn({ places: 8 })
    // Half of the users wait while the others answer, those of the beginning only if they are late.
    const cycleMs = 1000 * 10
    expect(half).toBeGreaterThan(0.8 * cycleMs)
    expect(half).toBeLessThan(1.2 * cycleMs)
  })

  test('adds half of the steps after which the engine looks', () => {
    const wait = turn({ mixesPrefill: false, recvInterval: 31 }) - turn({ mixesPrefill: false })
    expect(wait / 150).toBeGreaterThan(0.8)
    expect(wait / 150).toBeLessThan(1.3)
  })

  test('cuts prompts that are longer than a step', () => {
    const whole = turn({ users: 2 })
    expect(turn({ users: 2, promptsPerStep: 0.25 }) - whole).toBeGreaterThan(2 * 10)
  })

  test('is told by fewer users where there are very many', () => {
    const many = turn({ users: 4096, places: 4096, promptMs: 0.5, promptsPerStep: 4 })
    const fewer = turn({ users: 1024, places: 1024, promptMs: 2 })
    expect(many).toBeCloseTo(fewer, 6)
  })
})
