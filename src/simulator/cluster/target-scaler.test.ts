import { expect, test } from 'vitest'
import type { PoolFrame } from './autoscaler.ts'
import { createTargetScaler, type TargetScaling } from './target-scaler.ts'

const rule: TargetScaling = {
  targets: { inFlight: 10 },
  min: 1,
  max: 5,
  intervalMs: 15_000,
  upAfterMs: 0,
  downAfterMs: 60_000,
  cooldownMs: 0,
  upMost: 100,
  idleAfterMs: 120_000,
}
const frame = (change: Partial<PoolFrame>): PoolFrame => ({
  nowMs: 0,
  pool: 'main',
  ready: 2,
  starting: 0,
  draining: 0,
  running: 0,
  waiting: 0,
  held: 0,
  idleMs: 0,
  kvUsage: 0,
  arrivalsPerS: 0,
  tokensPerS: 0,
  utilisation: 0,
  ttftMsP95: null,
  tpotMsP95: null,
  ...change,
})

test('grows at once to what is in flight, never beyond its bounds, and waits for what starts', () => {
  const scaler = createTargetScaler(rule)
  expect(scaler.decide(frame({ running: 31, waiting: 5 })).replicas).toBe(4)
  expect(scaler.decide(frame({ nowMs: 1000, starting: 2, running: 36 })).replicas).toBe(4)
  expect(scaler.decide(frame({ nowMs: 2000, running: 500 })).replicas).toBe(5)
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

test('sleeps after a while without work, and is woken at once', () => {
  const scaler = createTargetScaler({ ...rule, min: 0, cooldownMs: 600_000 })
  const decide = (change: Partial<PoolFrame>) => scaler.decide(frame({ ready: 1, ...change }))
  expect(decide({ idleMs: 60_000 }).replicas).toBe(1)
  expect(decide({ nowMs: 120_000, idleMs: 120_000 })).toEqual({
    replicas: 0,
    reason: 'nothing to do for 120 s',
  })
  expect(decide({ nowMs: 135_000, ready: 0, idleMs: 135_000 }).replicas).toBe(0)
  // The cooldown does not keep a sleeping pool asleep.
  expect(decide({ nowMs: 136_000, ready: 0, held: 1 })).toEqual({
    replicas: 1,
    reason: '1 in flight, 10 each: woken from zero',
  })
})

test('grows only after a while where that was asked, and only so many at once', () => {
  const scaler = createTargetScaler({ ...rule, upAfterMs: 30_000, upMost: 1 })
  const at = (nowMs: number) => scaler.decide(frame({ nowMs, running: 40 }))
  expect(at(0)).toEqual({
    replicas: 2,
    reason: '40 in flight, 10 each: 4 wanted, not yet for 30 s',
  })
  expect(at(15_000).replicas).toBe(2)
  expect(at(30_000)).toEqual({ replicas: 3, reason: '40 in flight, 10 each: 4 wanted, 1 at once' })
})

test('does nothing while it cools down, and says until when', () => {
  const scaler = createTargetScaler({ ...rule, cooldownMs: 60_000 })
  expect(scaler.decide(frame({ running: 40 })).replicas).toBe(4)
  expect(scaler.decide(frame({ nowMs: 30_000, ready: 4, running: 50 }))).toEqual({
    replicas: 4,
    reason: '50 in flight, 10 each: 5 would do, cooling down until 60 s',
  })
  expect(scaler.decide(frame({ nowMs: 60_000, ready: 4, running: 50 })).replicas).toBe(5)
})

test('follows a limit on latency: more by how far it is over, but not while some are starting', () => {
  const at = (change: Partial<PoolFrame>) =>
    createTargetScaler({ ...rule, targets: { ttftMs: 1000 }, downAfterMs: 0 }).decide(frame(change))
  expect(at({ ttftMsP95: 1400 })).toEqual({
    replicas: 3,
    reason: 'TTFT p95 1400 ms, at most 1000 ms',
  })
  expect(at({ ttftMsP95: 9000 }).replicas).toBe(4)
  expect(at({ ttftMsP95: 9000, starting: 1 })).toMatchObject({
    replicas: 3,
    reason: expect.stringMatching(/1 are starting/),
  })
  expect(at({ ttftMsP95: 700 }).replicas).toBe(2)
  expect(at({ ttftMsP95: 400 }).replicas).toBe(1)
  expect(at({ ttftMsP95: null }).reason).toMatch(/nothing was measured/)
})

test.each([
  [{ waiting: 2 }, { waiting: 9 }, 5, '9 waiting, 2 each'],
  [{ kvUsage: 0.6 }, { kvUsage: 0.9 }, 3, '90 % of the KV memory in use, 60 % wanted'],
  [{ busy: 0.5 }, { utilisation: 1 }, 4, '100 % busy, 50 % wanted'],
  // The one that asks for most decides.
  [{ inFlight: 10, waiting: 2 }, { running: 5, waiting: 7 }, 4, '7 waiting, 2 each'],
])('%j of %j asks for %d', (targets, change, replicas, reason) =>
  expect(createTargetScaler({ ...rule, targets }).decide(frame(change))).toEqual({
    replicas,
    reason,
  }),
)
