import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { anywhere } from '../../core/node.ts'
import { launchPlan } from '../../engines/launch-plan.ts'
import { runtimeContract } from '../runtime.contract.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { createMemoryBounds } from './memory-bound.ts'
import { thisMachine } from './nodes.ts'
import { createReplicaFinder } from './process-table.ts'
import { createProcessRuntime } from './process.ts'
import { puppet } from './puppet.fixture.ts'

const run = (...argv: string[]): string =>
  execFileSync(argv[0]!, argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Whether this user may make network namespaces. */
function canMakeNamespaces(): boolean {
  try {
    run('ip', 'netns', 'add', `baleen-probe-${process.pid}`)
    run('ip', 'netns', 'delete', `baleen-probe-${process.pid}`)
    return true
  } catch {
    return false
  }
}

const environment = { PATH: process.env['PATH'] }
const isPossible = canMakeNamespaces()

describe.skipIf(!isPossible)(
  `process runtime over network namespaces${isPossible ? '' : ' (skipped: this user may make none)'}`,
  () => {
    let count = 0
    runtimeContract('process in a namespace', async () => {
      const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen-netns-'))
      const netns = `baleen-${process.pid}-${++count}`
      const [outer, inner] = [
        `bo${process.pid % 100_000}${count}`,
        `bi${process.pid % 100_000}${count}`,
      ]
      const subnet = `10.213.${process.pid % 250}`
      const address = `${subnet}.${count * 4 + 2}`
      run('ip', 'netns', 'add', netns)
      run('ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', netns)
      run('ip', 'address', 'add', `${subnet}.${count * 4 + 1}/30`, 'dev', outer)
      run('ip', 'link', 'set', outer, 'up')
      run('ip', '-n', netns, 'address', 'add', `${address}/30`, 'dev', inner)
      run('ip', '-n', netns, 'link', 'set', inner, 'up')
      run('ip', '-n', netns, 'link', 'set', 'lo', 'up')
      const nodes = [
        thisMachine,
        { ...thisMachine, name: 'far', namespace: netns, address, zone: 'zone-b' },
      ]
      const tell = async (id: string, line: string): Promise<void> =>
        appendFileSync(join(dataDirectory, id), `${line}\n`)
      return {
        open: () => createProcessRuntime({ dataDirectory, environment, nodes }),
        plan: launchPlan({
          argv: ['node', '--eval', puppet],
          env: { PUPPET: dataDirectory },
        }),
        assignment: { ...anywhere, node: 'far' },
        say: (id, line) => tell(id, `say ${line}`),
        end: (id, exitCode) => tell(id, `end ${exitCode}`),
        takeAway: async (id) => {
          for (const one of createReplicaFinder(dataDirectory)())
            if (one.identity.id === id) process.kill(one.pid, 'SIGKILL')
        },
        loseNode: async () => void run('ip', '-n', netns, 'link', 'set', inner, 'down'),
        bringBack: async () => void run('ip', '-n', netns, 'link', 'set', inner, 'up'),
        destroy: async () => {
          run('ip', 'netns', 'delete', netns)
          rmSync(dataDirectory, { recursive: true })
        },
      }
    })
  },
)

describe('what a process is given', () => {
  const open = () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen-given-'))
    const played = { vendor: 'played', model: 'Played', memoryBytes: 1, freeMemoryBytes: 1 }
    const device = { ...played, index: 0, linkGroup: null, slice: null, fault: null }
    const nodes = [{ ...thisMachine, name: 'here', simulatedDevices: [{ ...device, id: 'p-0' }] }]
    const vendor = {
      name: 'played',
      inventory: async () => [],
      readings: async () => [],
      pin: () => ({ PLAYED_DEVICES: 'p-0' }),
      container: () => ({ request: null, files: [], groups: [], env: {} }),
      kubernetes: {
        read: () => [],
        ask: () => ({ resource: 'x', nodeSelector: {}, tolerations: [] }),
      },
    }
    const runtime = createProcessRuntime({ dataDirectory, environment, nodes, vendors: [vendor] })
    const events: RuntimeEvent[] = []
    runtime.watch((event) => events.push(event))
    onTestFinished(async () => {
      for (const { id } of await runtime.list()) await runtime.stop(id, 0)
      await runtime.close()
      rmSync(dataDirectory, { recursive: true })
    })
    return { runtime, dataDirectory, events }
  }
  const identity = { id: 'ant-1', deployment: 'ant', revision: 1, specHash: 'a', port: 1 }
  const wait = { timeout: 60_000 }

  it('are the devices, files and secrets of its plan', async () => {
    const { runtime, dataDirectory } = open()
    mkdirSync(join(dataDirectory, 'secrets', 'hub'), { recursive: true })
    writeFileSync(join(dataDirectory, 'secrets', 'hub', 'token'), 'hush\n')
    const show = `const { readFileSync } = require('node:fs')
      const { PLAYED_DEVICES, HF_TOKEN } = process.env
      console.log(PLAYED_DEVICES, HF_TOKEN, readFileSync(process.argv[1], 'utf8'))
      setInterval(() => {}, 1000)`
    const plan = launchPlan({
      argv: ['node', '--eval', show, '{files}/x.yaml'],
      files: { 'x.yaml': 'x: 1' },
      secrets: { HF_TOKEN: { name: 'hub', key: 'token' } },
    })
    await runtime.start(identity, plan, { ...anywhere, devices: ['p-0'] })
    const log = join(dataDirectory, 'logs', 'replicas', 'ant-1.log')
    await expect.poll(() => readFileSync(log, 'utf8'), wait).toBe('p-0 hush x: 1\n')
    await runtime.stop('ant-1', 100)
    expect(() => readFileSync(join(dataDirectory, 'run/files/ant-1/x.yaml'))).toThrow('ENOENT')
  })

  it('is not started without its secret, and says where that belongs', async () => {
    const { runtime, dataDirectory } = open()
    const secrets = { HF_TOKEN: { name: 'hub', key: null } }
    const starting = runtime.start(identity, launchPlan({ argv: ['node'], secrets }), anywhere)
    await expect(starting).rejects.toMatchObject({
      code: 'runtime/no-secret',
      hint: expect.stringContaining(join(dataDirectory, 'secrets', 'hub')) as string,
    })
    expect(await runtime.list()).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')('is its memory and no more', async () => {
    const { runtime, events } = open()
    const fill = `const kept = []
      setInterval(() => { for (let n = 0; n < 64; n++) kept.push(Buffer.alloc(2 ** 20, 1)) }, 10)`
    const plan = launchPlan({ argv: ['node', '--eval', fill] })
    await runtime.start(identity, plan, { ...anywhere, memoryBytes: 800 * 2 ** 20 })
    await expect.poll(() => events, wait).toMatchObject([{ kind: 'ended', id: 'ant-1' }])
  })

  it('joins a group of its own where cgroups are ours', () => {
    const root = mkdtempSync(join(tmpdir(), 'baleen-cgroup-'))
    onTestFinished(() => rmSync(root, { recursive: true }))
    expect(createMemoryBounds(root).kind).toBe('ulimit')
    writeFileSync(join(root, 'cgroup.procs'), '')
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory pids\n')
    mkdirSync(join(root, 'baleen'))
    const bounds = createMemoryBounds(root)
    expect(bounds.kind).toBe('cgroup')
    const argv = bounds.wrap('ant-1', ['engine', '--x'], 2 ** 30)
    expect(argv.slice(-2)).toEqual(['engine', '--x'])
    expect(argv).toContain(join(root, 'baleen', 'ant-1'))
    expect(readFileSync(join(root, 'baleen', 'ant-1', 'memory.max'), 'utf8')).toBe('1073741824')
    expect(bounds.wrap('ant-2', ['engine'], null)).toEqual(['engine'])
  })
})
