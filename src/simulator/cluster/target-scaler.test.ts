import { expect, test } from 'vitest'
import type { PoolFrame } from './autoscaler.ts'
import { createTargetScaler } from './target-scaler.ts'

const rule = { min: 1, max: 5, inFlight: 10, intervalMs: 15_000, downAfterMs: 60_000 }
const frame = (change: Partial<PoolFrame>): PoolFrame => ({
  nowMs: 0,
  pool: 'main',
  ready: 2,
  starting: 0,
  draining: 0,
  running: 0,
  waiting: 0,
  kvUsage: 0,
  arrivalsPerS: 0,
  tokensPerS: 0,
  utilisation: 0,
  ...change,
})

test('grows at once to what is in flight, never beyond its bounds, and waits for what starts', () => {
  const scaler = createTargetScaler(rule)
  expect(scaler.decide(frame({ running: 31, waiting: 5 })).replicas).toBe(4)
  expect(scaler.decide(frame({ starting: 2, running: 36 })).replicas).toBe(4)
  expect(scaler.decide(frame({ running: 500 })).replicas).toBe(5)
})

test('leaves alone what is within a tenth of the target', () =>
  expect(createTargetScaler(rule).decide(frame({ running: 21 })).replicas).toBe(2))

test('shrinks only when fewer have been enough for a while', () => {
  const scaler = createTargetScaler(rule)
  const at = (nowMs: number, running: number, ready: number) =>
    scaler.decide(frame({ nowMs, running, ready })).replicas
  expect(at(0, 40, 4)).toBe(4)
  expect(at(15_000, 5, 4)).toBe(4)
  expect(at(61_000, 5, 4)).toBe(1)
  expect(at(62_000, 0, 1)).toBe(1)
})
