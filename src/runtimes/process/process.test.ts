import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Device } from '../../core/device.ts'
import { anywhere } from '../../core/node.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { launchPlan } from '../../engines/launch-plan.ts'
import { runtimeContract } from '../runtime.contract.ts'
import type { Runtime, RuntimeEvent } from '../runtime.ts'
import { thisMachine } from './nodes.ts'
import { createProcessRuntime } from './process.ts'
import { puppet } from './puppet.fixture.ts'
import { createReplicaFinder, isRunning, parseProcessList, startTimeOf } from './process-table.ts'

const planOf = (script: string, env: Record<string, string> = {}): LaunchPlan =>
  launchPlan({ argv: ['node', '--eval', script], env })

const played = (id: string): Device => ({
  id,
  vendor: 'played',
  model: 'Played 80GB',
  index: 0,
  memoryBytes: 2 ** 36,
  freeMemoryBytes: 2 ** 36,
  linkGroup: null,
  slice: null,
  fault: null,
})

const environment = { PATH: process.env['PATH'], SECRET_ROLE: 'inherited' }

runtimeContract('process', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen runtime-'))
  const tell = async (id: string, line: string): Promise<void> =>
    appendFileSync(join(dataDirectory, id), `${line}\n`)
  const nodes = [
    { ...thisMachine, name: 'here', simulatedDevices: [played('gpu-0'), played('gpu-1')] },
  ]
  return {
    open: () => createProcessRuntime({ dataDirectory, environment, nodes }),
    plan: planOf(puppet, { PUPPET: dataDirectory }),
    assignment: { ...anywhere, node: 'here', devices: ['gpu-1'] },
    takeAway: async (id) => {
      const found = createReplicaFinder(dataDirectory)()
      for (const one of found) if (one.identity.id === id) process.kill(one.pid, 'SIGKILL')
    },
    say: (id, line) => tell(id, `say ${line}`),
    end: (id, exitCode) => tell(id, `end ${exitCode}`),
    destroy: async () => rmSync(dataDirectory, { recursive: true }),
  }
})

describe('process runtime', () => {
  const open = (): { runtime: Runtime; dataDirectory: string; ends: RuntimeEvent[] } => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen-runtime-'))
    const runtime = createProcessRuntime({
      dataDirectory,
      environment,
      logLimits: { bytesMax: 2000, endedMax: 2 },
    })
    const ends: RuntimeEvent[] = []
    runtime.watch((event) => ends.push(event))
    onTestFinished(async () => {
      for (const { id } of await runtime.list()) await runtime.stop(id, 0)
      rmSync(dataDirectory, { recursive: true })
    })
    return { runtime, dataDirectory, ends }
  }
  const identity = (id: string) => ({ id, deployment: 'ant', revision: 1, specHash: 'a', port: 1 })
  const logOf = (dataDirectory: string, id: string): string =>
    readFileSync(join(dataDirectory, 'logs', 'replicas', `${id}.log`), 'utf8')
  const wait = { timeout: 60_000 }

  it('kills what ignores SIGTERM once the grace is over', async () => {
    const { runtime, dataDirectory } = open()
    const stubborn = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')`
    const { pid } = await runtime.start(identity('ant-1'), planOf(stubborn), anywhere)
    await expect.poll(() => logOf(dataDirectory, 'ant-1'), wait).toBe('up\n')
    await runtime.stop('ant-1', 100)
    expect(startTimeOf(pid!)).toBeNull()
  })

  it('leaves no descendant behind when a replica is killed', async () => {
    const { runtime, dataDirectory, ends } = open()
    const parent = `
      const child = require('node:child_process').spawn(process.execPath,
        ['--eval', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
      console.log(child.pid)
      setInterval(() => {}, 1000)`
    const { pid } = await runtime.start(identity('ant-1'), planOf(parent), anywhere)
    await expect.poll(() => logOf(dataDirectory, 'ant-1'), wait).toMatch(/^\d+\n$/)
    const descendant = Number(logOf(dataDirectory, 'ant-1'))
    expect(startTimeOf(descendant)).not.toBeNull()
    process.kill(pid!, 'SIGKILL')
    await expect.poll(() => startTimeOf(descendant), wait).toBeNull()
    await expect.poll(() => ends, wait).toMatchObject([{ id: 'ant-1', signal: 'SIGKILL' }])
  })

  it('adopts what a killed control had just started', async () => {
    const { runtime, dataDirectory } = open()
    const script = `
      import { createProcessRuntime } from ${JSON.stringify(new URL('./process.ts', import.meta.url).href)}
      const [dataDirectory, plan, identity, assignment] = JSON.parse(process.argv[1])
      const runtime = createProcessRuntime({ dataDirectory, environment: {} })
      const { pid } = await runtime.start(identity, plan, assignment)
      process.stdout.write(String(pid))
      process.kill(process.pid, 'SIGKILL')`
    const input = [
      dataDirectory,
      planOf('setInterval(() => {}, 1000)'),
      identity('ant-1'),
      anywhere,
    ]
    const control = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      script,
      JSON.stringify(input),
    ])
    let output = ''
    control.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await once(control, 'close')
    expect(await runtime.list()).toMatchObject([{ ...identity('ant-1'), pid: Number(output) }])
  })

  it('does not see the replicas of another data directory', async () => {
    const { runtime } = open()
    const other = open()
    await other.runtime.start(identity('ant-1'), planOf('setInterval(() => {}, 1000)'), anywhere)
    expect(await runtime.list()).toEqual([])
    await runtime.stop('ant-1', 0)
    expect(await other.runtime.list()).toHaveLength(1)
  })

  it('says why a program can not be started, and nothing runs', async () => {
    const { runtime, ends } = open()
    const plan = { ...planOf(''), argv: ['/no/such/engine'] }
    const starting = runtime.start(identity('ant-1'), plan, anywhere)
    await expect(starting).rejects.toMatchObject({ code: 'engine/not-installed' })
    expect(await runtime.list()).toEqual([])
    expect(ends).toEqual([])
  })

  it('hands on the environment, but nothing that would make it a child of the supervisor', async () => {
    const { runtime, dataDirectory } = open()
    const show = `console.log(JSON.stringify(process.env)); setInterval(() => {}, 1000)`
    const plan = planOf(show, { BALEEN_BOOT: '{}', BALEEN_ROLE: 'control', OWN: 'yes' })
    await runtime.start(identity('ant-1'), plan, anywhere)
    await expect.poll(() => logOf(dataDirectory, 'ant-1'), wait).toMatch(/\n$/)
    const seen = JSON.parse(logOf(dataDirectory, 'ant-1')) as Record<string, string>
    expect(seen).toMatchObject({ SECRET_ROLE: 'inherited', OWN: 'yes', BALEEN_DATA: dataDirectory })
    expect(seen).not.toHaveProperty('BALEEN_BOOT')
    expect(seen).not.toHaveProperty('BALEEN_ROLE')
  })

  it('keeps a log short while it is written, and followers miss nothing', async () => {
    const { runtime, dataDirectory } = open()
    const chatter = `let n = 0; setInterval(() => console.log('line ' + n++), 5)`
    await runtime.start(identity('ant-1'), planOf(chatter), anywhere)
    const still = new AbortController()
    const seen: string[] = []
    const following = (async () => {
      const request = { lines: 1000, follow: true, signal: still.signal }
      for await (const line of runtime.logs('ant-1', request)) seen.push(line)
    })()
    const path = join(dataDirectory, 'logs', 'replicas', 'ant-1.log.1')
    await expect
      .poll(() => statSync(path, { throwIfNoEntry: false })?.size, wait)
      .toBeGreaterThan(0)
    const atCut = seen.length
    await expect.poll(() => seen.length, wait).toBeGreaterThan(atCut + 20)
    still.abort()
    await following
    // The cut itself may lose a line that is written at that very moment.
    const numbers = seen.map((line) => Number(line.slice(5)))
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
    expect(numbers.at(-1)! + 1 - numbers.length).toBeLessThanOrEqual(2)
  })

  it('forgets the logs of replicas that ended long ago, and refuses paths as ids', async () => {
    const { runtime, dataDirectory } = open()
    const folder = join(dataDirectory, 'logs', 'replicas')
    for (const id of ['old-1', 'old-2', 'old-3']) writeFileSync(join(folder, `${id}.log`), 'x\n')
    await runtime.start(identity('ant-1'), planOf('setInterval(() => {}, 1000)'), anywhere)
    const request = { lines: 1, follow: false, signal: new AbortController().signal }
    const readable = ['old-1', 'old-2', 'old-3'].filter((id) => {
      try {
        return runtime.logs(id, request)
      } catch {
        return false
      }
    })
    expect(readable).toHaveLength(2)
    const missing = expect.objectContaining({ code: 'replica/not-found' })
    expect(() => runtime.logs('../../secret', request)).toThrow(missing)
  })
})

describe('process table', () => {
  it('names a process by pid and start time', () => {
    const startTime = startTimeOf(process.pid)
    expect(startTime).toMatch(/\d/)
    expect(isRunning({ pid: process.pid, startTime: startTime! })).toBe(true)
    expect(isRunning({ pid: process.pid, startTime: 'another' })).toBe(false)
  })

  it('reads what ps prints where there is no /proc', () => {
    const beforeNodes = { node: hostname(), host: '127.0.0.1', devices: [] }
    const replica = '{"id":"ant-1","deployment":"ant","revision":1,"specHash":"a","port":7}'
    const text = [
      `  501   501 Mon Nov 23 04:26:26 2026     node engine.js PATH=/bin BALEEN_DATA=/my data BALEEN_REPLICA=${replica}`,
      `  502   501 Mon Nov  3 04:26:27 2026     node worker.js BALEEN_REPLICA=${replica} BALEEN_DATA=/my data X=1`,
      `  503   503 Mon Nov 23 04:26:27 2026     node engine.js BALEEN_REPLICA=${replica} BALEEN_DATA=/my data2`,
      `  504   504 Mon Nov 23 04:26:27 2026     node control.js BALEEN_DATA=/my data`,
      `  505   505 Mon Nov 23 04:26:27 2026     node engine.js BALEEN_DATA=/my data BALEEN_REPLICA={broken`,
      '',
    ].join('\n')
    expect(parseProcessList(text, '/my data')).toEqual([
      {
        pid: 501,
        startTime: 'Mon Nov 23 04:26:26 2026',
        isLeader: true,
        identity: { ...JSON.parse(replica), ...beforeNodes },
      },
      {
        pid: 502,
        startTime: 'Mon Nov  3 04:26:27 2026',
        isLeader: false,
        identity: { ...JSON.parse(replica), ...beforeNodes },
      },
    ])
  })
})
