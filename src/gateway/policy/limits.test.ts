import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../core/random.ts'
import type { LimitAsk, LimitReturn } from '../../contract/ipc.ts'
import { createLimiter, type Limiter, type LimitWaiter } from '../limiter.ts'
import { createLimitAuthority, type Outgoing } from './limit-authority.ts'

const minuteMs = 60_000

interface Admission {
  readonly atMs: number
  readonly gateway: number
  readonly tokens: number
}

/**
 * Gateways and the authority with messages that take their time, on a clock of its own. Every channel keeps its
 * order, as IPC does. A gateway can die: its messages under way still arrive, then the authority hears of it.
 */
function createMachine(options: {
  readonly gateways: number
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly seed: number
  readonly delayMsMax: number
}) {
  const random = createRandom(options.seed)
  const key = {
    id: 'key_1',
    hash: '',
    name: '',
    routes: null,
    expiresAtMs: null,
    requestsPerMinute: options.requestsPerMinute,
    tokensPerMinute: options.tokensPerMinute,
  }
  let nowMs = 1_700_000_000_000
  let authority = createLimitAuthority()
  const events: { atMs: number; order: number; run: () => void }[] = []
  const lastOn = new Map<string, number>()
  let order = 0
  const admitted: Admission[] = []
  let refused = 0
  let isSilent = false

  function deliver(channel: string, run: () => void): void {
    const atMs = Math.max(nowMs + random() * options.delayMsMax, lastOn.get(channel) ?? 0)
    lastOn.set(channel, atMs)
    events.push({ atMs, order: order++, run })
  }
  const sendDown = (outgoing: Outgoing[]): void => {
    for (const { gateway, message } of outgoing) {
      const receiver = gateways[gateway]
      deliver(`down ${gateway}`, () => {
        if (gateways[gateway] === receiver) receiver?.receive(message)
      })
    }
  }
  const createGateway = (gateway: number): Limiter => {
    const limiter = createLimiter({
      gateways: options.gateways,
      nowMs: () => nowMs,
      send(message: LimitAsk | LimitReturn) {
        deliver(`up ${gateway}`, () => {
          if (isSilent) return
          if (message.type === 'limit-ask') sendDown(authority.ask(gateway, message, nowMs))
          else sendDown(authority.giveBack(gateway, message, nowMs))
        })
      },
    })
    return limiter
  }
  const gateways = Array.from({ length: options.gateways }, (_, index) => createGateway(index))

  const machine = {
    admitted,
    get nowMs() {
      return nowMs
    },
    get refused() {
      return refused
    },
    silence: () => void (isSilent = true),
    /** One request; settled with `actual` after `durationMs`. */
    request(gateway: number, tokens = 1, actual = tokens, durationMs = 0): void {
      const limiter = gateways[gateway]!
      const account = limiter.accountOf(key)!
      const waiter: LimitWaiter = {
        reservedTokens: tokens,
        onAdmitted() {
          const atMs = nowMs
          admitted.push({ atMs, gateway, tokens })
          events.push({
            atMs: nowMs + durationMs,
            order: order++,
            run: () => {
              if (gateways[gateway] === limiter) limiter.settle(account, tokens, actual, atMs)
            },
          })
        },
        onRefused: () => void refused++,
      }
      limiter.admit(account, waiter)
    },
    kill(gateway: number): void {
      gateways[gateway] = createGateway(gateway)
      deliver(`up ${gateway}`, () => sendDown(authority.leave(gateway, nowMs)))
    },
    /** A supervisor that has died and come back from what it had saved. */
    restart(): void {
      authority = createLimitAuthority(JSON.parse(JSON.stringify(authority.state())))
    },
    run(durationMs: number): void {
      const untilMs = nowMs + durationMs
      while (nowMs < untilMs) {
        nowMs = Math.min(untilMs, nowMs + 10)
        for (;;) {
          events.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
          if (!events[0] || events[0].atMs > nowMs) break
          events.shift()!.run()
        }
        const isTick = Math.floor(nowMs / 10) % 10 === 0
        if (isTick) for (const limiter of gateways) limiter.tick()
        if (!isSilent && Math.floor(nowMs / 10) % 5 === 0) sendDown(authority.tick(nowMs))
      }
    },
  }
  return machine
}

const mostInAMinute = (admitted: readonly Admission[], weigh: (one: Admission) => number): number =>
  Math.max(
    0,
    ...admitted.map(({ atMs }) =>
      admitted
        .filter((other) => other.atMs >= atMs && other.atMs < atMs + minuteMs)
        .reduce((sum, other) => sum + weigh(other), 0),
    ),
  )

const fast = { seed: 1, delayMsMax: 2 }

describe('limits over all gateways', () => {
  it('admits exactly the limit of requests, however they are spread', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 120 }),
        fc.array(fc.record({ gateway: fc.nat(3), waitMs: fc.nat(40) }), {
          minLength: 130,
          maxLength: 200,
        }),
        fc.nat(),
        (gateways, requestsPerMinute, requests, seed) => {
          const machine = createMachine({
            gateways,
            requestsPerMinute,
            tokensPerMinute: null,
            seed,
            delayMsMax: 5,
          })
          for (const { gateway, waitMs } of requests) {
            machine.request(gateway % gateways)
            machine.run(waitMs)
          }
          machine.run(1000)
          expect(machine.admitted.length).toBe(requestsPerMinute)
          expect(machine.refused).toBe(requests.length - requestsPerMinute)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('gives an idle gateway the leases that others hold unused', () => {
    const machine = createMachine({
      gateways: 2,
      requestsPerMinute: 100,
      tokensPerMinute: null,
      ...fast,
    })
    for (let sent = 0; sent < 60; sent++) {
      machine.request(0)
      machine.run(10)
    }
    for (let sent = 0; sent < 60; sent++) machine.request(1)
    machine.run(500)
    expect(machine.admitted.length).toBe(100)
  })

  it('never exceeds the limit in any minute, through deaths and a restarted supervisor', () => {
    const step = fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          kind: fc.constant('request' as const),
          gateway: fc.nat(2),
          tokens: fc.integer({ min: 1, max: 30 }),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
          durationMs: fc.nat(20_000),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('wait' as const), waitMs: fc.nat(8000) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('kill' as const), gateway: fc.nat(2) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), fc.nat(), (steps, seed) => {
        const machine = createMachine({
          gateways: 3,
          requestsPerMinute: 12,
          tokensPerMinute: 150,
          seed,
          delayMsMax: 60,
        })
        for (const action of steps) {
          if (action.kind === 'request')
            machine.request(
              action.gateway,
              action.tokens,
              Math.floor(action.tokens * action.share),
              action.durationMs,
            )
          else if (action.kind === 'wait') machine.run(action.waitMs)
          else if (action.kind === 'kill') machine.kill(action.gateway)
          else {
            // Until what was asked has its answer: an ask that dies with the supervisor is decided without one, from
            // an even share that knows nothing of what others took.
            machine.run(500)
            machine.restart()
          }
        }
        machine.run(2000)
        expect(mostInAMinute(machine.admitted, () => 1)).toBeLessThanOrEqual(12)
      }),
      { numRuns: 60 },
    )
  })

  it('reserves tokens by estimate and never lets reservations exceed the limit', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            gateway: fc.nat(2),
            tokens: fc.integer({ min: 1, max: 60 }),
            waitMs: fc.nat(3000),
          }),
          { minLength: 30, maxLength: 80 },
        ),
        fc.nat(),
        (requests, seed) => {
          const machine = createMachine({
            gateways: 3,
            requestsPerMinute: null,
            tokensPerMinute: 200,
            seed,
            delayMsMax: 5,
          })
          for (const { gateway, tokens, waitMs } of requests) {
            machine.request(gateway, tokens)
            machine.run(waitMs)
          }
          machine.run(1000)
          expect(mostInAMinute(machine.admitted, ({ tokens }) => tokens)).toBeLessThanOrEqual(200)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('frees at once what a request did not need', () => {
    const machine = createMachine({
      gateways: 2,
      requestsPerMinute: null,
      tokensPerMinute: 100,
      ...fast,
    })
    for (let sent = 0; sent < 10; sent++) {
      machine.request(sent % 2, 100, 10, 50)
      machine.run(500)
    }
    // Each reserves all of the limit, and is settled to a tenth: the last finds only its own tenth used up.
    expect(machine.admitted.length).toBe(1)
    machine.request(0, 90, 10, 50)
    machine.run(500)
    machine.request(1, 80, 10, 50)
    machine.run(500)
    expect(machine.admitted.length).toBe(3)
  })

  it('counts a debt against the requests that come after it', () => {
    const machine = createMachine({
      gateways: 2,
      requestsPerMinute: null,
      tokensPerMinute: 100,
      ...fast,
    })
    machine.request(0, 10, 95, 100)
    machine.run(500)
    machine.request(1, 10)
    machine.run(500)
    expect(machine.admitted.length).toBe(1)
    machine.request(1, 5)
    machine.run(500)
    expect(machine.admitted.length).toBe(2)
  })

  it('opens again a minute after, not earlier', () => {
    const machine = createMachine({
      gateways: 2,
      requestsPerMinute: 4,
      tokensPerMinute: null,
      ...fast,
    })
    for (let sent = 0; sent < 8; sent++) machine.request(sent % 2)
    machine.run(59_000)
    machine.request(0)
    machine.run(500)
    expect(machine.admitted.length).toBe(4)
    machine.run(2500)
    for (let sent = 0; sent < 8; sent++) machine.request(sent % 2)
    machine.run(1000)
    expect(machine.admitted.length).toBe(8)
  })

  it('goes on with its even share while the supervisor is silent', () => {
    const machine = createMachine({
      gateways: 2,
      requestsPerMinute: 10,
      tokensPerMinute: null,
      ...fast,
    })
    machine.silence()
    for (let sent = 0; sent < 20; sent++) machine.request(sent % 2)
    machine.run(1000)
    expect(machine.admitted.length).toBe(10)
  })
})

describe('a restarted authority', () => {
  it('counts as used what gateways held when it was saved', () => {
    const nowMs = 1_700_000_000_000
    const use = { requests: 0, tokens: 0, requestsOwed: 0, tokensOwed: 0, refunds: [] }
    const ask = (wanted: number): LimitAsk => ({
      type: 'limit-ask',
      ask: 1,
      key: 'key_1',
      requestsPerMinute: 100,
      tokensPerMinute: null,
      requests: 1,
      tokens: 0,
      requestsWanted: wanted,
      tokensWanted: 0,
      use,
    })
    const first = createLimitAuthority()
    expect(first.ask(0, ask(20), nowMs)).toMatchObject([
      { message: { requests: 20, requestsRemaining: 80 } },
    ])
    const second = createLimitAuthority(JSON.parse(JSON.stringify(first.state())))
    expect(second.ask(0, ask(1), nowMs)).toMatchObject([{ message: { requestsRemaining: 79 } }])
  })
})
