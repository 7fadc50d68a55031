import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LaunchPlan } from '../engines/engine.ts'
import type { EndedReplica, ReplicaIdentity, Runtime } from './runtime.ts'

export interface RuntimeBench {
  /** A new runtime over the same world each time, as after a restart of control. */
  open(): Runtime
  /** What to start; runs until told otherwise. */
  readonly plan: LaunchPlan
  say(id: string, line: string): Promise<void>
  /** Makes it end by itself with that code. */
  end(id: string, exitCode: number): Promise<void>
  destroy(): Promise<void>
}

const graceMs = 10_000
const wait = { timeout: 15_000 }

/** What every runtime promises. */
export function runtimeContract(name: string, prepare: () => Promise<RuntimeBench>): void {
  describe(`${name} runtime`, () => {
    let bench: RuntimeBench
    let runtime: Runtime
    let ends: EndedReplica[]

    beforeEach(async () => {
      bench = await prepare()
      runtime = bench.open()
      ends = []
      runtime.onEnd((ended) => ends.push(ended))
    })
    afterEach(async () => {
      for (const { id } of await runtime.list()) await runtime.stop(id, 0)
      await bench.destroy()
    })
    const identity = async (id: string): Promise<ReplicaIdentity> => {
      const port = await runtime.freePort()
      return { id, deployment: 'ant', revision: 3, specHash: 'abc', port }
    }
    const listed = async (): Promise<string[]> =>
      (await runtime.list()).map((one) => one.id).toSorted()

    it('lists what it started with all that was said of it', async () => {
      const wanted = await identity('ant-1')
      const started = await runtime.start(wanted, bench.plan)
      expect(started).toMatchObject({ ...wanted, url: `http://127.0.0.1:${wanted.port}` })
      expect(started.pid).toBeGreaterThan(0)
      expect(await runtime.list()).toEqual([started])
    })

    it('starts an id once, however often it is asked', async () => {
      const wanted = await identity('ant-1')
      const [first, second] = await Promise.all([
        runtime.start(wanted, bench.plan),
        runtime.start(wanted, bench.plan),
      ])
      const third = await runtime.start(wanted, bench.plan)
      expect([second.pid, third.pid]).toEqual([first.pid, first.pid])
      expect(await runtime.list()).toHaveLength(1)
    })

    it('stops one and leaves the others, without calling that an end', async () => {
      await runtime.start(await identity('ant-1'), bench.plan)
      await runtime.start(await identity('ant-2'), bench.plan)
      await runtime.stop('ant-1', graceMs)
      expect(await listed()).toEqual(['ant-2'])
      await bench.end('ant-2', 3)
      await expect.poll(() => ends.map((ended) => ended.id), wait).toEqual(['ant-2'])
    })

    it('takes the stop of an unknown or stopped id as done', async () => {
      await runtime.stop('never-there', graceMs)
      await runtime.start(await identity('ant-1'), bench.plan)
      await Promise.all([runtime.stop('ant-1', graceMs), runtime.stop('ant-1', graceMs)])
      await runtime.stop('ant-1', graceMs)
      expect(await listed()).toEqual([])
    })

    it('tells once that one ended by itself, how, and its last words', async () => {
      await runtime.start(await identity('ant-1'), bench.plan)
      await bench.say('ant-1', 'out of memory')
      await bench.end('ant-1', 7)
      await expect.poll(() => ends.length, wait).toBe(1)
      expect(ends[0]).toMatchObject({ id: 'ant-1', exitCode: 7, signal: null })
      expect(ends[0]?.logTail).toContain('out of memory')
      expect(await listed()).toEqual([])
      await runtime.stop('ant-1', graceMs)
      expect(ends).toHaveLength(1)
    })

    it('after a restart knows what runs, tells its end and can stop it', async () => {
      const started = [
        await runtime.start(await identity('ant-1'), bench.plan),
        await runtime.start(await identity('ant-2'), bench.plan),
      ]
      runtime = bench.open()
      const after: EndedReplica[] = []
      runtime.onEnd((ended) => after.push(ended))
      const adopted = await runtime.list()
      expect(adopted.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual(started)
      await bench.end('ant-2', 1)
      await expect.poll(() => after.map((ended) => ended.id), wait).toEqual(['ant-2'])
      await runtime.stop('ant-1', graceMs)
      expect(await listed()).toEqual([])
      expect(after).toHaveLength(1)
    })

    it('gives the last lines of a log, and those that follow until it is told to stop', async () => {
      await runtime.start(await identity('ant-1'), bench.plan)
      for (const line of ['one', 'two', 'three']) await bench.say('ant-1', line)
      const still = new AbortController()
      const read = async (lines: number): Promise<string[]> =>
        Array.fromAsync(runtime.logs('ant-1', { lines, follow: false, signal: still.signal }))
      await expect.poll(() => read(100), wait).toEqual(['one', 'two', 'three'])
      expect(await read(2)).toEqual(['two', 'three'])

      const seen: string[] = []
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

    it('gives a different port each time', async () => {
      const ports = await Promise.all(Array.from({ length: 20 }, () => runtime.freePort()))
      expect(new Set(ports).size).toBe(20)
    })
  })
}
