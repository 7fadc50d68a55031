import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anywhere, type Assignment } from '../core/node.ts'
import type { LaunchPlan } from '../engines/engine.ts'
import type { ReplicaIdentity, Runtime, RuntimeEvent } from './runtime.ts'

export interface RuntimeBench {
  /** A new runtime over the same world each time, as after a restart of control. */
  open(): Runtime
  /** What to start; runs until told otherwise. */
  readonly plan: LaunchPlan
  /** A node that is there, and one device of it or more. */
  readonly assignment: Assignment & { readonly node: string }
  /** How long a start may take. */
  readonly waitMs?: number
  /** Left out where output can't be made at will. */
  say?(id: string, line: string): Promise<void>
  /** Makes it end by itself with that code. Left out where the runtime starts again what ends. */
  end?(id: string, exitCode: number): Promise<void>
  /** By another hand, past the runtime. */
  takeAway(id: string): Promise<void>
  /** The node of `assignment`. Left out where the machine can't do that. */
  loseNode?(): Promise<void>
  bringBack?(): Promise<void>
  destroy(): Promise<void>
}

const graceMs = 10_000
const waitMs = 15_000
/** A runtime that gives a replica its own address has the same port for all. */
const portsAsked = 20

/** What every runtime promises. */
export function runtimeContract(name: string, prepare: () => Promise<RuntimeBench>): void {
  describe(`${name} runtime`, () => {
    let bench: RuntimeBench
    let runtime: Runtime
    let events: RuntimeEvent[]
    const opened: Runtime[] = []
    let wait = { timeout: waitMs }

    const open = (): Runtime => {
      const next = bench.open()
      opened.push(next)
      return next
    }
    beforeEach(async () => {
      bench = await prepare()
      wait = { timeout: bench.waitMs ?? waitMs }
      runtime = open()
      // Not the variable: what a runtime of the test before still has to tell must not show up in this one's.
      const seen: RuntimeEvent[] = []
      events = seen
      runtime.watch((event) => seen.push(event))
    })
    afterEach(async () => {
      for (const { id } of await runtime.list()) await runtime.stop(id, 0)
      await Promise.all(opened.splice(0).map((one) => one.close()))
      await bench.destroy()
    })
    const identity = async (id: string, node: string | null = null): Promise<ReplicaIdentity> => {
      const { port } = await runtime.endpoint({ runtime: null, node })
      return { id, deployment: 'ant', revision: 3, specHash: 'abc', port }
    }
    const isUp = (id: string) =>
      expect
        .poll(async () => (await runtime.list()).find((one) => one.id === id)?.waiting, wait)
        .toBeNull()
    const start = async (id: string): Promise<void> => {
      await runtime.start(await identity(id), bench.plan, anywhere)
      await isUp(id)
    }
    const makeEnd = (id: string) => (bench.end ? bench.end(id, 1) : bench.takeAway(id))
    const listed = async (): Promise<string[]> =>
      (await runtime.list()).map((one) => one.id).toSorted()
    const ended = () => events.flatMap((event) => (event.kind === 'ended' ? event : []))
    const idsOf = (seen: readonly RuntimeEvent[]): string[] =>
      seen.flatMap((event) => ('id' in event ? event.id : []))
    const seenLines = async (lines: number): Promise<string[]> => {
      const { signal } = new AbortController()
      return Array.fromAsync(runtime.logs('ant-1', { lines, follow: false, signal }))
    }

    it('has an inventory of nodes with what they offer', async () => {
      const nodes = await runtime.inventory()
      const node = nodes.find((one) => one.name === bench.assignment.node)
      expect(node).toMatchObject({ runtime: runtime.name, state: 'ready', reason: '' })
      expect(node?.cpus).toBeGreaterThan(0)
      expect(node?.freeMemoryBytes).toBeGreaterThan(0)
      expect(node?.memoryBytes).toBeGreaterThanOrEqual(node?.freeMemoryBytes ?? Infinity)
      const ids = node?.devices.map((device) => device.id) ?? []
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids).toEqual(expect.arrayContaining([...bench.assignment.devices]))
    })

    it('lists what it started with all that was said of it', async () => {
      const wanted = await identity('ant-1')
      const started = await runtime.start(wanted, bench.plan, anywhere)
      expect(started).toMatchObject(wanted)
      await isUp('ant-1')
      const [running] = await runtime.list()
      expect(running).toMatchObject({ ...wanted, waiting: null, devices: [] })
      expect(running?.url).toMatch(/^http:\/\/[^/]+/)
      expect(await runtime.list()).toHaveLength(1)
    })

    it('starts where it is told, on the devices it is told', async () => {
      const { assignment } = bench
      const wanted = await identity('ant-1', assignment.node)
      await runtime.start(wanted, bench.plan, assignment)
      await isUp('ant-1')
      const [running] = await runtime.list()
      expect(running?.node).toBe(assignment.node)
      expect(running?.devices.length === 0 || running?.devices).toEqual(
        running?.devices.length === 0 || assignment.devices,
      )
    })

    it('refuses a node or a device that is not there, and starts nothing', async () => {
      const wanted = await identity('ant-1')
      const nowhere = { ...bench.assignment, node: 'nowhere' }
      await expect(runtime.start(wanted, bench.plan, nowhere)).rejects.toMatchObject({
        code: 'runtime/unknown-node',
      })
      const nothing = { ...bench.assignment, devices: ['no-such-device'] }
      await expect(runtime.start(wanted, bench.plan, nothing)).rejects.toMatchObject({
        code: 'runtime/unknown-device',
      })
      expect(await listed()).toEqual([])
    })

    it('starts an id once, however often it is asked', async () => {
      const wanted = await identity('ant-1')
      const [first, second] = await Promise.all([
        runtime.start(wanted, bench.plan, anywhere),
        runtime.start(wanted, bench.plan, anywhere),
      ])
      const third = await runtime.start(wanted, bench.plan, anywhere)
      expect([second.pid, third.pid]).toEqual([first.pid, first.pid])
      expect([second.startedAtMs, third.startedAtMs]).toEqual([
        first.startedAtMs,
        first.startedAtMs,
      ])
      expect(await runtime.list()).toHaveLength(1)
    })

    it('stops one and leaves the others, without calling that an end', async () => {
      await start('ant-1')
      await start('ant-2')
      await runtime.stop('ant-1', graceMs)
      expect(await listed()).toEqual(['ant-2'])
      await makeEnd('ant-2')
      await expect.poll(() => idsOf(events), wait).toEqual(['ant-2'])
    })

    it('takes the stop of an unknown or stopped id as done', async () => {
      await runtime.stop('never-there', graceMs)
      await start('ant-1')
      await Promise.all([runtime.stop('ant-1', graceMs), runtime.stop('ant-1', graceMs)])
      await runtime.stop('ant-1', graceMs)
      expect(await listed()).toEqual([])
    })

    it('tells once that one ended by itself, how, and its last words', async (context) => {
      if (!bench.end || !bench.say) return context.skip('what ends here starts again')
      await start('ant-1')
      await bench.say('ant-1', 'out of memory')
      await bench.end('ant-1', 7)
      await expect.poll(() => events.length, wait).toBe(1)
      expect(events[0]).toMatchObject({ kind: 'ended', id: 'ant-1', exitCode: 7, signal: null })
      expect(ended()[0]?.logTail).toContain('out of memory')
      expect(await listed()).toEqual([])
      expect(await seenLines(1)).toEqual(['out of memory'])
      await runtime.stop('ant-1', graceMs)
      expect(events).toHaveLength(1)
    })

    it('tells once that one was taken away', async () => {
      await start('ant-1')
      await start('ant-2')
      await bench.takeAway('ant-1')
      await expect.poll(() => idsOf(events), wait).toEqual(['ant-1'])
      expect(['ended', 'lost']).toContain(events[0]?.kind)
      expect(await listed()).toEqual(['ant-2'])
    })

    it('after a restart knows what runs, tells its end and can stop it', async () => {
      await start('ant-1')
      await start('ant-2')
      const before = await runtime.list()
      runtime = open()
      const after: RuntimeEvent[] = []
      runtime.watch((event) => after.push(event))
      const adopted = await runtime.list()
      const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id)
      expect(adopted.toSorted(byId)).toEqual(before.toSorted(byId))
      await makeEnd('ant-2')
      await expect.poll(() => idsOf(after), wait).toEqual(['ant-2'])
      await runtime.stop('ant-1', graceMs)
      expect(await listed()).toEqual([])
      expect(after).toHaveLength(1)
    })

    it('tells that a node is gone and back, and goes on naming what runs there', async (context) => {
      if (!bench.loseNode || !bench.bringBack) return context.skip('no node can be lost here')
      const { assignment } = bench
      const { node } = assignment
      await runtime.start(await identity('ant-1', node), bench.plan, assignment)
      await isUp('ant-1')
      await bench.loseNode()
      await expect.poll(() => events, wait).toMatchObject([{ kind: 'node-gone', node }])
      const stateOf = async () =>
        (await runtime.inventory()).find((one) => one.name === node)?.state
      expect(await stateOf()).toBe('gone')
      expect(await listed()).toEqual(['ant-1'])
      await bench.bringBack()
      await expect.poll(() => events.at(-1), wait).toEqual({ kind: 'node-back', node })
      expect(await stateOf()).toBe('ready')
      expect(await listed()).toEqual(['ant-1'])
    })

    it('gives the last lines of a log, and those that follow until it is told to stop', async (context) => {
      if (!bench.say) return context.skip('no output can be made here')
      await start('ant-1')
      for (const line of ['one', 'two', 'three']) await bench.say('ant-1', line)
      await expect.poll(() => seenLines(100), wait).toEqual(['one', 'two', 'three'])
      expect(await seenLines(2)).toEqual(['two', 'three'])

      const seen: string[] = []
      const still = new AbortController()
      const following = (async () => {
        const request = { lines: 1, follow: true, signal: still.signal }
        for await (const line of runtime.logs('ant-1', request)) seen.push(line)
      })()
      await expect.poll(() => seen, wait).toEqual(['three'])
      await bench.say('ant-1', 'four')
      await expect.poll(() => seen, wait).toEqual(['three', 'four'])
      still.abort()
      await following
    })

    it('has no log of one that never was', async () => {
      const request = { lines: 1, follow: false, signal: new AbortController().signal }
      const reading = async () => Array.fromAsync(runtime.logs('never-there', request))
      await expect(reading()).rejects.toMatchObject({ code: 'replica/not-found' })
    })

    it('gives out no endpoint twice at a time, where replicas share an address', async () => {
      const asked = Array.from({ length: portsAsked }, () => runtime.endpoint(anywhere))
      const ports = (await Promise.all(asked)).map((one) => one.port)
      expect([1, portsAsked]).toContain(new Set(ports).size)
    })
  })
}
