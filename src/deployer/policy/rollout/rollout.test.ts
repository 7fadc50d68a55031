import { describe, expect, it } from 'vitest'
import { rolloutSpec } from '../../../contract/rollout.ts'
import { createRandom } from '../../../core/random.ts'
import { advance, splitOf, type RolloutCondition } from './advance.ts'
import { createEvidence, judge, type Evidence } from './judge.ts'
import { lowerShare, upperShare } from './share-bounds.ts'
import { note } from './tally.ts'

const steps = [
  { share: 0.1, bakeTime: '1m' },
  { share: 0.5, bakeTime: '2m' },
]
const spec = rolloutSpec.parse({ steps })

const condition = (changes: Partial<RolloutCondition> = {}): RolloutCondition => ({
  spec,
  replicas: 4,
  progress: { step: 0, bakingSinceMs: null, paused: null },
  isSame: false,
  hasPrevious: true,
  readyNext: 0,
  others: 4,
  failures: 0,
  failureReason: '',
  verdict: null,
  requests: 0,
  nowMs: 1_000_000,
  ...changes,
})

describe('advance', () => {
  it('goes from step to step: ready, held so long, seen by enough requests', () => {
    expect(advance(condition())).toMatchObject({ reason: 'step 1 of 2: 0 of 1 new ones ready' })
    const begun = advance(condition({ readyNext: 1 }))
    expect(begun).toMatchObject({ kind: 'progress', progress: { step: 0, bakingSinceMs: 1e6 } })
    const baking = { step: 0, bakingSinceMs: 1_000_000 - 30_000, paused: null }
    expect(advance(condition({ readyNext: 1, progress: baking })).reason).toBe(
      'step 1 of 2: holds, 30s to go',
    )
    const baked = { ...baking, bakingSinceMs: 1_000_000 - 61_000 }
    expect(advance(condition({ readyNext: 1, progress: baked, requests: 3 })).reason).toBe(
      'step 1 of 2: 3 of 20 requests seen',
    )
    expect(advance(condition({ readyNext: 1, progress: baked, requests: 20 }))).toMatchObject({
      kind: 'progress',
      progress: { step: 1, bakingSinceMs: null },
    })
    // Where hardly anybody asks, waiting longer tells no more.
    const patient = { ...baking, bakingSinceMs: 1_000_000 - 121_000 }
    expect(advance(condition({ readyNext: 1, progress: patient })).kind).toBe('progress')
  })

  it('promotes when all are new and nothing old is left', () => {
    const last = { step: 2, bakingSinceMs: null, paused: null }
    expect(advance(condition({ progress: last, readyNext: 3 })).reason).toBe('3 of 4 ready')
    expect(advance(condition({ progress: last, readyNext: 4, others: 1 })).kind).toBe('wait')
    expect(advance(condition({ progress: last, readyNext: 4, others: 0 })).kind).toBe('promote')
    expect(advance(condition({ isSame: true })).kind).toBe('promote')
  })

  it('goes back with the reason, or pauses where that is asked for', () => {
    const verdict = 'requests fail: 9 of 80'
    expect(advance(condition({ verdict }))).toEqual({ kind: 'roll-back', reason: verdict })
    const pausing = rolloutSpec.parse({ steps, onFailure: 'pause' })
    expect(advance(condition({ verdict, spec: pausing }))).toMatchObject({
      kind: 'progress',
      progress: { paused: verdict },
    })
    const dead = condition({ failures: 3, failureReason: 'out of memory' })
    expect(advance(dead)).toEqual({
      kind: 'roll-back',
      reason: '3 starts in a row failed: out of memory',
    })
  })

  it('has nothing to go back to while nothing has served yet', () => {
    const first = condition({ hasPrevious: false, failures: 9, others: 0 })
    expect(advance(first)).toEqual({ kind: 'wait', reason: '0 of 4 ready' })
  })
})

describe('splitOf', () => {
  it('keeps enough of either revision for its share of the traffic', () => {
    for (let replicas = 1; replicas <= 20; replicas++)
      for (const share of [0, 0.01, 0.1, 0.33, 0.5, 0.9, 1]) {
        const one = rolloutSpec.parse({ steps: [{ share }] })
        const split = splitOf(one, replicas, { step: 0, bakingSinceMs: null, paused: null })!
        expect(split.next).toBeGreaterThanOrEqual(replicas * share)
        expect(split.prev).toBeGreaterThanOrEqual(replicas * (1 - share) - 1e-9)
        expect(split.next + split.prev).toBeLessThanOrEqual(replicas + 1)
      }
  })

  it('takes the traffic off a new revision that is paused', () => {
    const paused = { step: 1, bakingSinceMs: 1, paused: 'slow' }
    expect(splitOf(spec, 4, paused)).toEqual({ next: 1, prev: 4, share: 0, isCohortOn: false })
  })
})

describe('bounds of a share', () => {
  it('hold at all looks together as often as they say', () => {
    let wrong = 0
    const runs = 80
    for (let run = 0; run < runs; run++) {
      const random = createRandom(run)
      let hits = 0
      let isWrong = false
      for (let total = 1; total <= 400 && !isWrong; total++) {
        if (random() < 0.05) hits++
        // Somebody looks again and again.
        if (total % 10 === 0)
          isWrong = lowerShare(hits, total, 0.05) > 0.05 || upperShare(hits, total, 0.05) < 0.05
      }
      if (isWrong) wrong++
    }
    // Either side may be wrong in 5 % of all runs; the interval that is exact for one look is in far more.
    expect(wrong / runs).toBeLessThan(0.1)
  })

  it('close in on the share', () => {
    expect(lowerShare(0, 50, 0.01)).toBe(0)
    expect(upperShare(50, 50, 0.01)).toBe(1)
    expect(upperShare(0, 1000, 0.01)).toBeLessThan(0.01)
    expect(lowerShare(100, 1000, 0.01)).toBeGreaterThan(0.06)
    expect(upperShare(100, 1000, 0.01)).toBeLessThan(0.15)
  })
})

describe('judge', () => {
  const { gate } = rolloutSpec.parse({})
  interface Seen {
    readonly requests: number
    readonly failures?: number
    readonly ttftMs?: () => number
    readonly wholeMs?: () => number
  }
  const evidence = (next: Seen, prev: Seen): Evidence => {
    const seen = createEvidence()
    const told = { tpotMs: 20, ttftMs: null, e2eMs: 900 }
    for (const [side, { failures = 0, requests, ttftMs, wholeMs }] of [
      ['next', next],
      ['prev', prev],
    ] as const)
      for (let at = 0; at < requests; at++)
        note(seen[side], {
          ...told,
          isFailed: at < failures,
          ...(ttftMs ? { ttftMs: ttftMs() } : {}),
          ...(wholeMs ? { e2eMs: wholeMs() } : {}),
        })
    return seen
  }
  const random = createRandom(7)
  const around = (ms: number) => (): number => ms * Math.exp((random() - 0.5) * 0.8)

  it('sees more failures, and says what it saw', () => {
    const seen = evidence(
      { failures: 16, requests: 80, ttftMs: around(200) },
      { failures: 2, requests: 900, ttftMs: around(200) },
    )
    expect(judge(seen, gate, undefined)).toMatch(
      /^requests fail: 16 of 80, at least \d.*; before 2 of 900, at most .* \(99 % certain\)$/,
    )
  })

  it('does not take a few unlucky requests for more', () => {
    const seen = evidence(
      { failures: 1, requests: 20, ttftMs: around(200) },
      { failures: 2, requests: 900, ttftMs: around(200) },
    )
    expect(judge(seen, gate, undefined)).toBe(null)
  })

  it('sees that first tokens take longer', () => {
    const slow = evidence(
      { requests: 200, ttftMs: around(400) },
      { requests: 500, ttftMs: around(200) },
    )
    expect(judge(slow, gate, undefined)).toMatch(/^first tokens after/)
    const fair = evidence(
      { requests: 200, ttftMs: around(210) },
      { requests: 500, ttftMs: around(200) },
    )
    expect(judge(fair, gate, undefined)).toBe(null)
  })

  it('sees that answers in one piece take longer', () => {
    const slow = evidence(
      { requests: 200, wholeMs: around(900) },
      { requests: 500, wholeMs: around(400) },
    )
    expect(judge(slow, gate, undefined)).toMatch(/^answers in one piece after \d{3}ms: /)
    const fair = evidence(
      { requests: 200, wholeMs: around(410) },
      { requests: 500, wholeMs: around(400) },
    )
    expect(judge(fair, gate, undefined)).toBe(null)
  })

  it('holds it against what was promised, where the old one kept that', () => {
    const tail = (share: number) => (): number => (random() < share ? 900 : 200)
    const broken = evidence(
      { requests: 400, ttftMs: tail(0.2) },
      { requests: 900, ttftMs: tail(0.02) },
    )
    expect(judge(broken, gate, { 'ttft.p95': '500ms' })).toMatch(/^ttft.p95 above 500ms: /)
    const both = evidence(
      { requests: 400, ttftMs: tail(0.2) },
      { requests: 900, ttftMs: tail(0.2) },
    )
    expect(judge(both, gate, { 'ttft.p95': '500ms' })).toBe(null)
  })

  it('is wrong about equals less often than it says, at all looks together', () => {
    let wrong = 0
    for (let run = 0; run < 40; run++) {
      const dice = createRandom(run + 1000)
      const seen = createEvidence()
      for (let at = 0; at < 300; at++) {
        const answered = {
          isFailed: dice() < 0.03,
          ttftMs: 200 * Math.exp(dice()),
          tpotMs: 20,
          e2eMs: 900,
        }
        note(dice() < 0.3 ? seen.next : seen.prev, answered)
        if (at % 25 === 0 && judge(seen, { ...gate, confidence: 0.9 }, undefined) !== null) {
          wrong++
          break
        }
      }
    }
    expect(wrong).toBeLessThanOrEqual(4)
  })
})
