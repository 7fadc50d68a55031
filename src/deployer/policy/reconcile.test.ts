import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterFailure, restartKey, type Restarts } from './back-off.ts'
import { reconcile, settleMs, type Action, type DesiredDeployment } from './reconcile.ts'
import { firstSeen, isReady, withProbe, type Replica } from './replica.ts'

const desiredOf = (changes: Partial<DesiredDeployment> = {}): DesiredDeployment => ({
  name: 'ant',
  revision: 1,
  replicas: 1,
  specHash: 'v1',
  loadTimeoutMs: 60_000,
  ...changes,
})

const replicaOf = (id: string, changes: Partial<Replica> = {}): Replica => ({
  ...firstSeen(
    {
      id,
      deployment: 'ant',
      revision: 1,
      specHash: 'v1',
      pid: 1,
      url: 'http://127.0.0.1:1',
      startedAtMs: 0,
    },
    'loading the model',
    0,
  ),
  health: 'ready',
  ...changes,
})

const decide = (
  desired: DesiredDeployment[],
  replicas: Replica[],
  nowMs = 0,
  restarts: [string, Restarts][] = [],
): readonly Action[] => reconcile({ desired, replicas, restarts: new Map(restarts), nowMs })

const brief = (actions: readonly Action[]): string[] =>
  actions.map(
    (action) => `${action.kind} ${action.kind === 'start' ? action.deployment : action.id}`,
  )

describe('reconcile', () => {
  it('starts what is missing and says how much runs', () => {
    const actions = decide([desiredOf({ replicas: 3 })], [replicaOf('ant-1')])
    expect(brief(actions)).toEqual(['start ant', 'start ant'])
    expect(actions[0]?.reason).toBe('1 of 3 running')
  })

  it('does nothing where all is as wanted, also while one loads', () => {
    const loading = replicaOf('ant-2', { health: 'loading' })
    expect(decide([desiredOf({ replicas: 2 })], [replicaOf('ant-1'), loading], 59_999)).toEqual([])
  })

  it('lets the youngest go when there are too many, but first those that serve nobody', () => {
    const replicas = [
      replicaOf('ant-1', { startedAtMs: 1 }),
      replicaOf('ant-2', { startedAtMs: 2 }),
      replicaOf('ant-3', { startedAtMs: 0, health: 'loading' }),
    ]
    expect(brief(decide([desiredOf({ replicas: 1 })], replicas))).toEqual([
      'leave ant-2',
      'leave ant-3',
    ])
  })

  it('changes a spec one by one, each new one ready before an old one leaves', () => {
    const desired = [desiredOf({ replicas: 2, specHash: 'v2', revision: 2 })]
    const old = [replicaOf('old-1'), replicaOf('old-2')]
    expect(brief(decide(desired, old))).toEqual(['start ant'])
    const loading = replicaOf('new-1', { specHash: 'v2', health: 'loading' })
    expect(brief(decide(desired, [...old, loading]))).toEqual([])
    const ready = replicaOf('new-1', { specHash: 'v2' })
    expect(brief(decide(desired, [...old, ready]))).toEqual(['start ant', 'leave old-1'])
  })

  it('drops old replicas that serve nobody at once', () => {
    const desired = [desiredOf({ specHash: 'v2' })]
    const old = replicaOf('old-1', { health: 'loading' })
    expect(brief(decide(desired, [old]))).toEqual(['start ant', 'leave old-1'])
  })

  it('leaves everything as it is while the model is being prepared, except what is too much', () => {
    const replicas = [replicaOf('ant-1'), replicaOf('ant-2', { startedAtMs: 5 })]
    expect(decide([desiredOf({ specHash: null, replicas: 3 })], replicas)).toEqual([])
    const fewer = decide([desiredOf({ specHash: null, replicas: 1 })], replicas)
    expect(brief(fewer)).toEqual(['leave ant-2'])
  })

  it('starts what served before while the model of the next one comes, so that none is missing', () => {
    const desired = desiredOf({
      specHash: null,
      replicas: 3,
      previous: { specHash: 'v1', revision: 1, replicas: 3 },
    })
    const actions = decide([desired], [replicaOf('ant-1'), replicaOf('ant-2')])
    expect(actions).toMatchObject([{ kind: 'start', of: 'previous' }])
    const failing = { specHash: 'v1', failures: 1, total: 1, retryAtMs: 500, reason: 'ended' }
    expect(decide([desired], [replicaOf('ant-1')], 400, [['ant v1', failing]])).toEqual([])
  })

  it('makes room for more than before among its own, down to what was promised before', () => {
    const replicas = [
      ...['ant-1', 'ant-2'].map((id) => replicaOf(id)),
      ...['ant-3', 'ant-4'].map((id) => replicaOf(id, { specHash: 'v2' })),
    ]
    const desired = desiredOf({
      specHash: 'v2',
      replicas: 4,
      previous: { specHash: 'v1', revision: 1, replicas: 3 },
    })
    const leaving = (isCramped: boolean) =>
      brief(decide([{ ...desired, isCramped }], replicas)).filter((one) => one.startsWith('leave'))
    expect(leaving(false)).toEqual([])
    expect(leaving(true)).toHaveLength(1)
  })

  it('tells a replica to end only when gateways had time to see that it leaves', () => {
    const leaving = replicaOf('ant-1', { phase: 'leaving', phaseSinceMs: 100 })
    expect(decide([], [leaving], 100 + settleMs - 1)).toEqual([])
    expect(brief(decide([], [leaving], 100 + settleMs))).toEqual(['stop ant-1'])
  })

  it('takes down what belongs to no deployment', () => {
    expect(brief(decide([], [replicaOf('ant-1')]))).toEqual(['leave ant-1'])
  })

  it('replaces what failed, is silent too long or does not get ready', () => {
    const cases: [Partial<Replica>, string][] = [
      [{ health: 'failed', reason: 'out of memory' }, 'out of memory'],
      [{ health: 'silent', answeredAtMs: 40_000 }, 'no answer for 20s'],
      [{ health: 'loading' }, 'not ready after 1m: loading the model'],
    ]
    for (const [changes, reason] of cases)
      expect(decide([desiredOf()], [replicaOf('ant-1', changes)], 60_000)).toEqual([
        { kind: 'stop', id: 'ant-1', reason, isFailure: true },
      ])
  })

  it('waits longer after each failure, until a minute, and starts afresh with another spec', () => {
    const failure = { specHash: 'v1', readyMs: 0, reason: 'ended with code 1' }
    const waits: number[] = []
    let restarts: Restarts | undefined
    let nowMs = 0
    for (let count = 0; count < 8; count++) {
      restarts = afterFailure(restarts, failure, nowMs)
      waits.push(restarts.retryAtMs - nowMs)
      nowMs = restarts.retryAtMs
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
    const early = decide([desiredOf()], [], nowMs - 1, [[restartKey('ant', 'v1'), restarts!]])
    expect(early).toEqual([])
    const due = decide([desiredOf()], [], nowMs, [[restartKey('ant', 'v1'), restarts!]])
    expect(due).toMatchObject([{ kind: 'start', reason: 'another try: ended with code 1' }])
    const changed = decide([desiredOf({ specHash: 'v2' })], [], nowMs - 1, [
      [restartKey('ant', 'v1'), restarts!],
    ])
    expect(brief(changed)).toEqual(['start ant'])
  })

  it('forgives a ready replica two missed probes, then sends requests elsewhere', () => {
    let replica = replicaOf('ant-1')
    for (const wanted of ['ready', 'ready', 'silent'] as const) {
      replica = withProbe(replica, null, 100)
      expect(replica.health).toBe(wanted)
    }
    replica = withProbe(replica, { state: 'ready', reason: 'ready' }, 200)
    expect(isReady(replica)).toBe(true)
  })
})

type Step =
  | {
      readonly kind: 'want'
      readonly name: string
      readonly replicas: number
      readonly spec: string
    }
  | { readonly kind: 'delete'; readonly name: string }
  | { readonly kind: 'crash' | 'hang'; readonly pick: number }
  | { readonly kind: 'restart-control' }
  | { readonly kind: 'pass'; readonly ticks: number }

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('want' as const),
      name: fc.constantFrom('ant', 'bee'),
      replicas: fc.integer({ min: 0, max: 4 }),
      spec: fc.constantFrom('v1', 'v2'),
    }),
    fc.record({ kind: fc.constant('delete' as const), name: fc.constantFrom('ant', 'bee') }),
    fc.record({ kind: fc.constantFrom('crash' as const, 'hang' as const), pick: fc.nat(9) }),
    fc.record({ kind: fc.constant('restart-control' as const) }),
    fc.record({ kind: fc.constant('pass' as const), ticks: fc.integer({ min: 1, max: 30 }) }),
  ),
  { maxLength: 40 },
)

const world = fc.record({
  loadTicks: fc.integer({ min: 0, max: 12 }),
  stopTicks: fc.integer({ min: 0, max: 8 }),
  listDelayTicks: fc.integer({ min: 0, max: 4 }),
  /** Every n-th start fails; 0: none. */
  failEvery: fc.integer({ min: 0, max: 4 }).filter((every) => every !== 1),
})

interface Process {
  readonly id: string
  readonly deployment: string
  readonly specHash: string
  readyAtTick: number
  isHung: boolean
  stopAtTick: number | null
}

const tickMs = 500

/** Processes on one side, the shell's memory on the other; the policy is the real one. */
class Simulation {
  readonly desired = new Map<string, DesiredDeployment>()
  readonly processes = new Map<string, Process>()
  replicas = new Map<string, Replica>()
  restarts = new Map<string, Restarts>()
  /** Lists of processes on their way to the shell: what it sees is old. */
  lists: { arrivesAtTick: number; takenAtMs: number; processes: Process[] }[] = []
  tick = 0
  starts = 0
  options: { loadTicks: number; stopTicks: number; listDelayTicks: number; failEvery: number }

  constructor(options: Simulation['options']) {
    this.options = options
  }

  get nowMs(): number {
    return this.tick * tickMs
  }

  apply(step: Step): void {
    if (step.kind === 'want') {
      const { name, replicas, spec } = step
      const revision = (this.desired.get(name)?.revision ?? 0) + 1
      this.desired.set(name, desiredOf({ name, replicas, specHash: spec, revision }))
    } else if (step.kind === 'delete') this.desired.delete(step.name)
    else if (step.kind === 'restart-control') {
      this.replicas = new Map()
      this.restarts = new Map()
      this.lists = []
    } else if (step.kind === 'pass') for (let at = 0; at < step.ticks; at++) this.advance()
    else {
      const victim = [...this.processes.values()][step.pick]
      if (victim && step.kind === 'hang') victim.isHung = true
      if (victim && step.kind === 'crash') this.end(victim.id, true)
    }
  }

  advance(): void {
    this.tick++
    for (const one of this.processes.values())
      if (one.stopAtTick !== null && this.tick >= one.stopAtTick) this.end(one.id, false)
    this.observe()
    const desired = [...this.desired.values()]
    const replicas = [...this.replicas.values()]
    const { restarts, nowMs } = this
    for (const action of reconcile({ desired, replicas, restarts, nowMs })) this.carryOut(action)
    this.check()
  }

  observe(): void {
    const processes = [...this.processes.values()]
    const arrivesAtTick = this.tick + this.options.listDelayTicks
    this.lists.push({ arrivesAtTick, takenAtMs: this.nowMs, processes })
    for (const list of this.lists.filter((one) => one.arrivesAtTick <= this.tick))
      for (const one of list.processes)
        // Only additions are believed, and only of what still runs when it is looked at.
        if (!this.replicas.has(one.id) && this.processes.has(one.id)) this.adopt(one)
    this.lists = this.lists.filter((one) => one.arrivesAtTick > this.tick)
    for (const [id, replica] of this.replicas) {
      const one = this.processes.get(id)
      const state = one && one.readyAtTick <= this.tick ? 'ready' : 'loading'
      const answer = !one || one.isHung ? null : ({ state, reason: state } as const)
      this.replicas.set(id, withProbe(replica, answer, this.nowMs))
    }
  }

  carryOut(action: Action): void {
    if (action.kind === 'start') return this.start(action.deployment)
    const replica = this.replicas.get(action.id)
    if (!replica) throw new Error(`${action.kind} of unknown ${action.id}`)
    const phase = action.kind === 'leave' ? 'leaving' : 'stopping'
    this.replicas.set(action.id, { ...replica, phase, phaseSinceMs: this.nowMs })
    if (action.kind !== 'stop') return
    if (action.isFailure) this.fail(replica)
    const one = this.processes.get(action.id)
    if (one) one.stopAtTick = this.tick + this.options.stopTicks
    else this.replicas.delete(action.id)
  }

  start(name: string): void {
    const { specHash } = this.desired.get(name)!
    const id = `${name}-${++this.starts}`
    const { failEvery, loadTicks } = this.options
    const one: Process = {
      id,
      deployment: name,
      specHash: specHash!,
      readyAtTick: this.tick + loadTicks,
      isHung: false,
      stopAtTick: null,
    }
    this.processes.set(id, one)
    this.adopt(one)
    if (failEvery > 0 && this.starts % failEvery === 0) this.end(id, true)
  }

  adopt(one: Process): void {
    const running = { ...one, revision: 1, pid: 1, url: 'http://x', startedAtMs: this.nowMs }
    this.replicas.set(one.id, firstSeen(running, 'loading', this.nowMs))
  }

  end(id: string, isCrash: boolean): void {
    this.processes.delete(id)
    const replica = this.replicas.get(id)
    this.replicas.delete(id)
    if (isCrash && replica?.phase === 'serving') this.fail(replica)
  }

  fail({ deployment, specHash, health, healthSinceMs }: Replica): void {
    const readyMs = health === 'ready' ? this.nowMs - healthSinceMs : 0
    const failure = { specHash, readyMs, reason: 'failed' }
    const key = restartKey(deployment, failure.specHash)
    this.restarts.set(key, afterFailure(this.restarts.get(key), failure, this.nowMs))
  }

  check(): void {
    for (const { name, replicas, specHash } of this.desired.values()) {
      const serving = [...this.replicas.values()].filter(
        (one) => one.deployment === name && one.phase === 'serving',
      )
      const current = serving.filter((one) => one.specHash === specHash)
      expect(current.length).toBeLessThanOrEqual(replicas)
    }
  }

  settle(): void {
    this.options = { ...this.options, failEvery: 0 }
    // Longest back-off, silence and load timeout, one after the other, and a rollout of four.
    for (let at = 0; at < 600; at++) this.advance()
  }

  running(name: string): string[] {
    return [...this.processes.values()]
      .filter((one) => one.deployment === name)
      .map((one) => `${one.specHash}${one.isHung ? ' hung' : ''}`)
  }
}

describe('reconcile over time', () => {
  it('always ends with exactly what is wanted, whatever happened on the way', () => {
    fc.assert(
      fc.property(world, steps, (options, plan) => {
        const simulation = new Simulation(options)
        for (const step of plan) simulation.apply(step)
        simulation.settle()
        for (const name of ['ant', 'bee']) {
          const wanted = simulation.desired.get(name)
          const count = wanted?.replicas ?? 0
          expect(simulation.running(name)).toEqual(Array(count).fill(wanted?.specHash))
        }
        expect([...simulation.replicas.values()].every(isReady)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('never drops below the promised ready count while specs and counts change', () => {
    const changes = fc.array(
      fc.record({
        kind: fc.constant('want' as const),
        name: fc.constant('ant'),
        replicas: fc.integer({ min: 1, max: 4 }),
        spec: fc.constantFrom('v1', 'v2', 'v3'),
      }),
      { minLength: 1, maxLength: 8 },
    )
    const pauses = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(world, changes, pauses, (options, wants, ticks) => {
        const simulation = new Simulation({ ...options, failEvery: 0 })
        let promised = 0
        const ready = (): number => [...simulation.replicas.values()].filter(isReady).length
        for (const [at, want] of wants.entries()) {
          simulation.apply(want)
          promised = Math.min(promised, want.replicas)
          for (let tick = 0; tick < (ticks[at] ?? 1); tick++) {
            simulation.advance()
            expect(ready()).toBeGreaterThanOrEqual(promised)
            promised = Math.max(promised, Math.min(ready(), want.replicas))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('keeps the processes of one deployment within one more than wanted, besides those told to end', () => {
    fc.assert(
      fc.property(world, steps, (options, plan) => {
        const simulation = new Simulation(options)
        let wantedMax = 0
        for (const step of plan) {
          if (step.kind === 'want') wantedMax = Math.max(wantedMax, step.replicas)
          simulation.apply(step)
          for (const name of ['ant', 'bee']) {
            const serving = [...simulation.replicas.values()].filter(
              (one) => one.deployment === name && one.phase === 'serving',
            )
            expect(serving.length).toBeLessThanOrEqual(wantedMax + 1)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
