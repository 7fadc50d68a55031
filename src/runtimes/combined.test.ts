import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AppError } from '../core/errors.ts'
import { anywhere } from '../core/node.ts'
import { launchPlan } from '../engines/launch-plan.ts'
import { combineRuntimes } from './combined.ts'
import { createExternalRuntime } from './external/external.ts'
import { createFakeRuntime, createWorld, fakeNode } from './fake/fake.ts'
import type { Runtime, RuntimeEvent } from './runtime.ts'

function bench() {
  const directory = mkdtempSync(join(tmpdir(), 'baleen-combined-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const worlds = ['here', 'prod'].map((runtime) =>
    createWorld([fakeNode(`${runtime}-1`, 1, { runtime })]),
  )
  const [here, prod] = worlds.map((world, index) => ({
    ...createFakeRuntime(world),
    name: index === 0 ? 'here' : 'prod',
  }))
  let isAway = false
  const away = async () => {
    throw new AppError('runtime/unreachable', { message: 'connection refused' })
  }
  const far: Runtime = {
    ...prod!,
    list: async () => (isAway ? away() : prod!.list()),
    inventory: async () => (isAway ? away() : prod!.inventory()),
  }
  const troubles: (string | null)[] = []
  const open = () =>
    combineRuntimes([here!, far], createExternalRuntime(directory), (_, reason) =>
      troubles.push(reason),
    )
  return {
    runtime: open(),
    open,
    here: here!,
    prod: prod!,
    troubles,
    goAway: () => (isAway = true),
  }
}
const identity = (id: string) => ({ id, deployment: 'ant', revision: 1, specHash: 'a', port: 1 })
const plan = launchPlan({ argv: [] })
const ids = async (runtime: Runtime) => (await runtime.list()).map((one) => one.id).toSorted()

describe('several runtimes as one', () => {
  it('start where the node is, or the runtime that is named, else at the first', async () => {
    const { runtime, here, prod } = bench()
    await runtime.start(identity('a'), plan, anywhere)
    await runtime.start(identity('b'), plan, { ...anywhere, node: 'prod-1' })
    await runtime.start(identity('c'), plan, { ...anywhere, runtime: 'prod' })
    expect([...here.running.keys()]).toEqual(['a'])
    expect([...prod.running.keys()]).toEqual(['b', 'c'])
    expect(await ids(runtime)).toEqual(['a', 'b', 'c'])
    expect((await runtime.inventory()).map((node) => node.name)).toEqual(['here-1', 'prod-1'])
  })

  it('refuse what none of them knows', async () => {
    const { runtime } = bench()
    const lost = runtime.start(identity('a'), plan, { ...anywhere, node: 'nowhere' })
    await expect(lost).rejects.toMatchObject({ code: 'runtime/unknown-node' })
    const unknown = runtime.start(identity('a'), plan, { ...anywhere, runtime: 'moon' })
    await expect(unknown).rejects.toMatchObject({ code: 'runtime/unknown' })
    const wide = runtime.start(identity('a'), plan, { ...anywhere, nodes: 2 })
    await expect(wide).rejects.toMatchObject({ code: 'runtime/refused' })
  })

  it('stop and tell of what runs on any, also after a restart', async () => {
    const { runtime, open, prod } = bench()
    await runtime.start(identity('b'), plan, { ...anywhere, node: 'prod-1' })
    await runtime.start(identity('c'), plan, { ...anywhere, node: 'prod-1' })
    const next = open()
    const events: RuntimeEvent[] = []
    next.watch((event) => events.push(event))
    await next.stop('b', 0)
    expect([...prod.running.keys()]).toEqual(['c'])
    prod.end('c', 3)
    expect(events).toMatchObject([{ kind: 'ended', id: 'c', exitCode: 3 }])
  })

  it('remember what ran on one that can not be reached', async () => {
    const { runtime, troubles, goAway } = bench()
    await runtime.start(identity('b'), plan, { ...anywhere, node: 'prod-1' })
    expect(await ids(runtime)).toEqual(['b'])
    await runtime.inventory()
    goAway()
    expect(await ids(runtime)).toEqual(['b'])
    expect(await runtime.inventory()).toMatchObject([
      { name: 'here-1', state: 'ready' },
      { name: 'prod-1', state: 'gone', reason: 'connection refused' },
    ])
    expect(troubles).toEqual(['connection refused'])
  })

  it('note what somebody else runs, and find the note again', async () => {
    const { runtime, open, here } = bench()
    const elsewhere = launchPlan({ argv: [], url: 'https://api.example.com/v1/' })
    const replica = await runtime.start(identity('x'), elsewhere, anywhere)
    expect(replica.url).toBe('https://api.example.com/v1')
    expect(here.running.size).toBe(0)
    expect(await ids(open())).toEqual(['x'])
    await open().stop('x', 0)
    expect(await ids(runtime)).toEqual([])
  })
})
