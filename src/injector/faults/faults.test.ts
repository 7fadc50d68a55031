import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { chatStream } from '../../../test/golden-server/golden-script.ts'
import { startGoldenServer, type GoldenServer } from '../../../test/golden-server/golden-server.ts'
import { faultSpec } from '../../contract/fault.ts'
import type { InjectionReport } from '../../contract/injection.ts'
import { completeSpec } from '../policy/default-spec.ts'
import { abandonedAfter } from '../policy/faults/abandon.ts'
import { runInjection } from '../run-injection.ts'
import { readFaultPlan } from './read-plan.ts'

// Processes and sockets: on a machine that is busy with other tests they take their time.

const children: ChildProcess[] = []
const servers: GoldenServer[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const server of servers.splice(0)) await server.close()
})

const stateOf = (pid: number): string =>
  /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? ''

/** A zombie is none. */
const isAlive = (pid: number): boolean => {
  try {
    return stateOf(pid) !== 'Z'
  } catch {
    return false
  }
}

async function until(holds: () => boolean, deadlineMs = 60_000): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!holds()) {
    if (performance.now() > endMs) throw new Error('it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function golden(): Promise<GoldenServer> {
  const texts = Array.from({ length: 6 }, () => 'word')
  const server = await startGoldenServer(() => chatStream({ texts, firstMs: 5, gapMs: 5 }))
  servers.push(server)
  return server
}

/** A run with one fault over all of it, or in its middle. */
async function runWith(
  action: { kind: string } & Record<string, unknown>,
  {
    atMs = 0,
    forMs = 60_000,
    durationMs = 400,
    timeoutMs = 20_000,
    findProcess = undefined as (() => Promise<number>) | undefined,
  } = {},
): Promise<InjectionReport> {
  const server = await golden()
  const spec = completeSpec({
    url: server.url,
    load: { kind: 'open', arrivals: 'constant', ratePerS: 50 },
    durationMs,
    graceMs: 25_000,
    timeouts: { stallMs: timeoutMs, ttftMs: timeoutMs },
    faults: [faultSpec.parse({ name: action.kind, atMs, forMs, action })],
  })
  const interrupt = new AbortController().signal
  return (await runInjection(spec, { id: 'run', interrupt, findProcess })).report
}

const loopback = {
  address: '127.0.0.1',
  port: 80,
  host: 'x',
  isTls: false,
  path: '/',
  headers: '',
}

describe('faults of connections have the outcome they ought to have', () => {
  it.each([
    [{ kind: 'status', code: 503 }, '503'],
    [{ kind: 'status', code: 429 }, '429'],
    [{ kind: 'reset' }, 'reset'],
    [{ kind: 'black-hole' }, 'timeout_ttft'],
    [{ kind: 'cut', afterEvents: 2, how: 'fin' }, 'truncated'],
    [{ kind: 'cut', afterEvents: 2, how: 'rst' }, 'reset'],
    [{ kind: 'stall', afterEvents: 2 }, 'timeout_stall'],
    [{ kind: 'garble', afterEvents: 1 }, 'malformed'],
    [{ kind: 'abandon', afterEvents: 2 }, 'cancelled_by_plan'],
  ] as const)('%j: %s', async (action, outcome) => {
    const timeoutMs = outcome.startsWith('timeout') ? 1500 : 20_000
    const { summary, faults } = await runWith(action, { timeoutMs })
    const bad = summary.outcomes[outcome] ?? 0
    // The first requests may be under way before the fault stands.
    expect(bad).toBeGreaterThan(10)
    expect(bad + (summary.outcomes.ok ?? 0)).toBe(summary.requests)
    expect(faults[0]).toMatchObject({ action: action.kind, isUndone: true })
    expect(faults[0]!.lost).toBe(bad)
  })

  it('a delay that ends within a stream turns nothing round', async () => {
    const { summary } = await runWith({ kind: 'delay', delayMs: 60 }, { atMs: 100, forMs: 150 })
    expect(summary.outcomes).toEqual({ ok: 20 })
  })
  it('a delay shows in the latency and in nothing else', async () => {
    const { summary } = await runWith({ kind: 'delay', delayMs: 100 })
    expect(summary.outcomes).toEqual({ ok: 20 })
    expect(summary.ttftServiceMs.p90!).toBeGreaterThan(100)
  })

  it('a fault ends, and users recover', async () => {
    const { summary, faults } = await runWith(
      { kind: 'status', code: 500 },
      { atMs: 500, forMs: 500, durationMs: 8000 },
    )
    expect(summary.outcomes.ok).toBeGreaterThan(300)
    expect(summary.outcomes.http_5xx).toBeGreaterThan(5)
    expect(faults[0]!.lost).toBe(summary.outcomes.http_5xx)
    expect(faults[0]!.recoveredAfterMs).toBeGreaterThan(300)
    expect(faults[0]!.detectedAfterMs).toBeLessThan(faults[0]!.recoveredAfterMs!)
  })

  it('users who walk away do so after as many events as the plan says', async () => {
    const server = await golden()
    const action = { kind: 'abandon', afterEvents: 2, share: 0.5 }
    const spec = completeSpec({
      url: server.url,
      load: { kind: 'open', arrivals: 'constant', ratePerS: 50 },
      durationMs: 2000,
      faults: [faultSpec.parse({ name: 'leave', atMs: 0, forMs: 1000, action })],
    })
    const { records } = await runInjection(spec, {
      id: 'run',
      interrupt: new AbortController().signal,
    })
    const chosen = records.filter(({ index, intendedMs }) =>
      Number.isFinite(abandonedAfter(spec.faults, spec.seed, index, intendedMs)),
    )
    const left = records.filter(({ outcome }) => outcome === 'cancelled_by_plan')
    // About half of the first second, and no one later.
    expect(chosen.length).toBeGreaterThan(10)
    expect(chosen.length).toBeLessThan(40)
    expect(left.every((record) => chosen.includes(record))).toBe(true)
    // Where a machine is so busy that one read brings a whole answer, there is nothing left to walk away from.
    for (const { outcome } of chosen) expect(['cancelled_by_plan', 'ok']).toContain(outcome)
    expect(left.length).toBeGreaterThan(chosen.length / 2)
    // A read may bring two events at once.
    for (const { contentMs } of left) expect(contentMs.length).toBeLessThan(6)
    expect(records).toHaveLength(100)
  })

  it('are refused on a cluster that nobody claimed', async () => {
    const { prepareFaults } = await import('./fault-runner.ts')
    const action = faultSpec.shape.action.parse({ kind: 'kill-pod', namespace: 'x', pod: 'y' })
    await expect(
      prepareFaults([{ name: 'x', atMs: 0, forMs: 1, action }], loopback, {
        isOwned: false,
        seed: 1,
      }),
    ).rejects.toMatchObject({ code: 'injection/not-owned' })
  })

  it('are refused on a target that is not this machine', async () => {
    const { prepareFaults } = await import('./fault-runner.ts')
    const target = { ...loopback, address: '192.0.2.1' }
    const fault = { name: 'x', atMs: 0, forMs: 1, action: { kind: 'reset' as const } }
    await expect(prepareFaults([fault], target, { isOwned: false, seed: 1 })).rejects.toMatchObject(
      {
        code: 'injection/not-owned',
      },
    )
  })
})

describe.skipIf(process.platform !== 'linux')('faults of processes', () => {
  function victim(): number {
    const child = spawn('sleep', ['600'])
    children.push(child)
    return child.pid!
  }

  it('a stopped process goes on when its time is over', async () => {
    const pid = victim()
    const run = runWith({ kind: 'stop', pid }, { forMs: 300, durationMs: 1500 })
    await until(() => stateOf(pid) === 'T')
    const { faults } = await run
    expect(stateOf(pid)).toBe('S')
    expect(faults[0]).toMatchObject({ isUndone: true, lost: 0, detectedAfterMs: null })
  })

  it('a stopped process goes on when the run ends before', async () => {
    const pid = victim()
    const run = runWith({ kind: 'stop', pid }, { durationMs: 600 })
    await until(() => stateOf(pid) === 'T')
    await run
    expect(stateOf(pid)).toBe('S')
  })

  it('a stopped process goes on when the injector is killed', async () => {
    const pid = victim()
    const script = `
      const { startKeeper } = await import(${JSON.stringify(join(import.meta.dirname, 'keeper-client.ts'))})
      await startKeeper().apply(0, { kind: 'stop', pid: ${pid} }, 600_000)
      setInterval(() => {}, 1000)`
    const injector = spawn(process.execPath, ['--input-type=module', '-e', script])
    children.push(injector)
    await until(() => stateOf(pid) === 'T')
    injector.kill('SIGKILL')
    await until(() => stateOf(pid) === 'S')
  })

  it('a name is looked up anew each time, and waited for while its process starts', async () => {
    const pids = [victim(), victim()]
    const asked: (number | null)[] = []
    /** The second one takes a while to come up. */
    const findProcess = (): Promise<number> => {
      const found = asked.length === 0 ? pids[0]! : asked.length < 4 ? null : pids[1]!
      asked.push(found)
      return found === null ? Promise.reject(new Error('not yet')) : Promise.resolve(found)
    }
    const server = await golden()
    const action = { kind: 'kill', deployment: 'small' }
    const spec = completeSpec({
      url: server.url,
      load: { kind: 'open', arrivals: 'constant', ratePerS: 20 },
      durationMs: 1500,
      faults: [100, 500].map((atMs) =>
        faultSpec.parse({ name: `kill at ${atMs}`, atMs, forMs: 900, action }),
      ),
    })
    const interrupt = new AbortController().signal
    const { report } = await runInjection(spec, { id: 'run', interrupt, findProcess })
    expect(report.faults.map(({ isUndone }) => isUndone)).toEqual([true, true])
    await until(() => pids.every((pid) => !isAlive(pid)))
    expect(asked).toEqual([pids[0], null, null, null, pids[1]])
  })

  it('a name that nobody has is said in the report', async () => {
    const { faults } = await runWith(
      { kind: 'kill', deployment: 'gone' },
      { forMs: 200, findProcess: () => Promise.reject(new Error('no process of gone')) },
    )
    expect(faults[0]).toMatchObject({ isUndone: false, note: 'no process of gone' })
  })

  it('says so where there is no such process', async () => {
    const { faults } = await runWith({ kind: 'kill', pid: 4_194_300 })
    expect(faults[0]).toMatchObject({ isUndone: false, note: expect.stringMatching(/ESRCH/) })
  })
})

describe('a plan', () => {
  const folder = mkdtempSync(join(tmpdir(), 'baleen-plan-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const read = (text: string) => {
    const path = join(folder, 'plan.yaml')
    writeFileSync(path, text)
    return readFaultPlan(path)
  }

  it('names one action a fault', () => {
    const plan = read(`
faults:
  - { at: 10s, for: 5s, stop: { deployment: small } }
  - { name: slow, at: 20s, for: 1m, delay: { by: 200ms } }
  - { at: 1s, for: 1s, cut: { after-events: 7 } }
  - { at: 1s, for: 1s, throttle: { bytes-per-second: 10KiB } }
`)
    expect(plan.map(({ name, atMs, forMs }) => [name, atMs, forMs])).toEqual([
      ['stop at 10s', 10_000, 5000],
      ['slow', 20_000, 60_000],
      ['cut at 1s', 1000, 1000],
      ['throttle at 1s', 1000, 1000],
    ])
    expect(plan.map(({ action }) => action)).toEqual([
      { kind: 'stop', deployment: 'small' },
      { kind: 'delay', delayMs: 200, jitterMs: 0, share: 1 },
      { kind: 'cut', afterEvents: 7, how: 'fin', share: 1 },
      { kind: 'throttle', bytesPerS: 10_240, share: 1 },
    ])
  })
  it('has shares, repeats, and what touches machine, network and cluster', () => {
    const plan = read(`
faults:
  - { at: 1s, for: 1s, repeat: 3, every: 5s, status: { code: 429, share: 20% } }
  - { at: 1s, for: 1s, slow: { deployment: small, to: 0.3 } }
  - { at: 1s, for: 1s, skew: { by: -5m } }
  - { at: 1s, for: 1s, limit-files: { pid: 5, files: 64 } }
  - { at: 1s, for: 1s, fill-disk: { path: /data, leave: 1MiB } }
  - { at: 1s, for: 1s, cut-path: { interface: veth0, netns: a } }
  - { at: 1s, for: 1s, degrade-path: { interface: veth0, delay: 50ms, loss: 1% } }
  - { at: 1s, for: 1s, cut-pod: { namespace: prod, selector: "app=engine" } }
`)
    expect(plan.slice(0, 3).map(({ name, atMs }) => [name, atMs])).toEqual([
      ['status at 1s (1)', 1000],
      ['status at 1s (2)', 6000],
      ['status at 1s (3)', 11_000],
    ])
    expect(plan.slice(2).map(({ action }) => action)).toEqual([
      { kind: 'status', code: 429, share: 0.2 },
      { kind: 'slow', deployment: 'small', share: 0.3 },
      { kind: 'skew', byMs: -300_000, file: null },
      { kind: 'limit-files', pid: 5, files: 64 },
      { kind: 'fill-disk', path: '/data', leaveBytes: 1_048_576 },
      { kind: 'cut-path', interface: 'veth0', netns: 'a' },
      {
        kind: 'degrade-path',
        interface: 'veth0',
        netns: null,
        delayMs: 50,
        jitterMs: 0,
        lossShare: 0.01,
        bytesPerS: null,
      },
      {
        kind: 'cut-pod',
        kubeconfig: null,
        context: null,
        namespace: 'prod',
        selector: 'app=engine',
      },
    ])
  })
  it('fails with a code whatever stands in it', () => {
    const names = fc.constantFrom(
      'at',
      'for',
      'stop',
      'delay',
      'status',
      'share',
      'by',
      'pid',
      'cut-path',
      'interface',
    )
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom('1s', '20%', '-5m', '../x', '; rm'),
      fc.dictionary(names, fc.jsonValue({ maxDepth: 0 })),
    )
    fc.assert(
      fc.property(fc.array(fc.dictionary(names, value)), (faults) => {
        try {
          for (const { forMs } of read(JSON.stringify({ faults })))
            expect(forMs).toBeLessThanOrEqual(600_000)
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: expect.stringMatching(/^[a-z]+\/[a-z-]+$/) })
        }
      }),
      { numRuns: 200 },
    )
  })
  it.each([
    ['faults: [{ at: 1s, for: 1s, stopp: { pid: 1 } }]', /did you mean stop\?/],
    ['faults: [{ at: 1s, for: 1s, repeat: 2, every: 1s, reset: {} }]', /longer than its for/],
    ['faults: [{ at: 1s, for: 1s, cut-path: { interface: "a b" } }]', /interface/],
    ['faults: [{ at: 1s, for: 1s, status: { code: 503, share: 200% } }]', /is no share/],
    ['faults: []', /faults/],
    ['faults: [{ at: 1s, for: 1s }]', /needs one action, it has none/],
    ['faults: [{ at: 1s, for: 1s, reset: {}, stop: { pid: 1 } }]', /reset and stop/],
    ['faults: [{ at: 1s, for: 1h, reset: {} }]', /forMs/],
    ['faults: [{ at: 1s, reset: {} }]', /for/],
    ['faults: [{ at: 1s, for: 1s, stop: { pid: 1, deployment: x } }]', /name one of/],
    ['faults: [{ at: 1s, for: 1s, status: { code: 200 } }]', /code/],
    ['{', /can't read/],
    ['faults: [{ at: 1s, for: 1s, kill: { process: gateway } }]', /gateway-0, control/],
    ['faults: [{ at: 1s, for: 1s, kill-pod: { namespace: x } }]', /name one of pod, selector/],
    ['faults: [{ at: 1s, for: 1s, kill-pod: { namespace: ../x, pod: y } }]', /namespace/],
  ])('refuses %s', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})
