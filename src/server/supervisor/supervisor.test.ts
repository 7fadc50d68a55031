import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { runCommand } from '../../cli/cli.fixture.ts'
import { findProcesses, signalProcess, startTimeOf } from '../process-table.ts'

const stubServe = join(import.meta.dirname, '../../../test/fixtures/supervisor/stub-serve.ts')

type Event = { event: string } & Record<string, unknown>

interface StubServe {
  readonly process: ChildProcess
  readonly events: Event[]
  /** Waits for the first event of that kind. */
  event(kind: string): Promise<Event>
  readonly ended: Promise<number | null>
}

const cleanups: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function createDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'baleen supervisor '))
  cleanups.push(async () => {
    for (const found of findProcesses(directory)) signalProcess(found, 'SIGKILL')
    await until(() => findProcesses(directory).length === 0)
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

function start(directory: string, orders: readonly string[] = [], port = 0): StubServe {
  const child = spawn(process.execPath, [stubServe, directory, String(port), ...orders], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const events: Event[] = []
  let pending = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (pending + chunk.toString()).split('\n')
    pending = lines.pop() ?? ''
    events.push(...lines.map((line) => JSON.parse(line) as Event))
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  cleanups.push(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const find = (kind: string) => events.find(({ event }) => event === kind)
  return {
    process: child,
    events,
    ended,
    async event(kind) {
      let hasEnded = false
      void ended.then(() => (hasEnded = true))
      await until(() => hasEnded || find(kind) !== undefined)
      const found = find(kind)
      if (!found) throw new Error(`ended without "${kind}": ${JSON.stringify(events)}`)
      return found
    },
  }
}

async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(`still not so: ${isTrue.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

const diary = (directory: string): string[] =>
  readFileSync(join(directory, 'diary'), 'utf8').trim().split('\n')

const pidsOf = (directory: string, role: string): number[] =>
  findProcesses(directory)
    .filter((found) => found.role === role)
    .map(({ pid }) => pid)

const answers = (url: unknown): Promise<boolean> =>
  fetch(String(url), { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  )

/** A stranger that listens, and takes part in sharing the port. */
async function occupyPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) =>
    server.listen({ host: '127.0.0.1', port: 0, reusePort: true }, resolve),
  )
  cleanups.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return (server.address() as AddressInfo).port
}

describe('a supervisor with stub children', () => {
  it('brings everybody up, and takes them down gateways first', async () => {
    const directory = createDirectory()
    const serve = start(directory, ['control-starts-engine'])
    const { gatewayUrl } = await serve.event('ready')
    expect(await serve.event('key-created')).toMatchObject({ key: expect.stringMatching(/^bln_/) })
    expect(await answers(gatewayUrl)).toBe(true)
    expect(pidsOf(directory, 'gateway')).toHaveLength(2)
    expect(pidsOf(directory, 'engine')).toHaveLength(1)
    const record = JSON.parse(readFileSync(join(directory, 'run/supervisor.json'), 'utf8'))
    const pid = serve.process.pid!
    expect(record).toEqual({ pid, startTime: startTimeOf(pid), url: gatewayUrl })

    serve.process.kill('SIGTERM')
    expect(await serve.ended).toBe(0)
    const pages = diary(directory)
    const controlDrains = pages.indexOf('control drains')
    expect(controlDrains).toBeGreaterThan(pages.indexOf('gateway-0 ended'))
    expect(controlDrains).toBeGreaterThan(pages.indexOf('gateway-1 ended'))
    expect(findProcesses(directory)).toEqual([])
    expect(existsSync(join(directory, 'run/supervisor.json'))).toBe(false)
  })

  it('starts again whoever is killed', async () => {
    const directory = createDirectory()
    const serve = start(directory)
    const { gatewayUrl } = await serve.event('ready')
    const before = findProcesses(directory)
    for (const found of before) signalProcess(found, 'SIGKILL')
    await until(() => diary(directory).filter((page) => page.endsWith('started')).length === 6)
    await until(() => answers(gatewayUrl))
    const after = findProcesses(directory).map(({ pid }) => pid)
    expect(after.filter((pid) => before.some((found) => found.pid === pid))).toEqual([])
    expect(serve.events.filter(({ event }) => event === 'trouble')).toHaveLength(3)
  })

  it('ends a frozen child, for a shared port keeps feeding it', async () => {
    const directory = createDirectory()
    await start(directory).event('ready')
    const [frozen = 0] = pidsOf(directory, 'gateway')
    process.kill(frozen, 'SIGSTOP')
    await until(() => startTimeOf(frozen) === null)
    await until(() => pidsOf(directory, 'gateway').length === 2)
  })

  it('killed itself, leaves the place to the next one, even where children did not notice', async () => {
    const directory = createDirectory()
    const first = start(directory, ['control-starts-engine'])
    const { gatewayUrl } = await first.event('ready')
    const engines = pidsOf(directory, 'engine')
    const [deaf = 0] = pidsOf(directory, 'gateway')
    process.kill(deaf, 'SIGSTOP')
    first.process.kill('SIGKILL')
    await first.ended

    const second = start(directory, [], Number(new URL(String(gatewayUrl)).port))
    await second.event('ready')
    expect(startTimeOf(deaf)).toBe(null)
    expect(await answers(gatewayUrl)).toBe(true)
    expect(pidsOf(directory, 'engine')).toEqual(engines)
    second.process.kill('SIGINT')
    await second.ended
    expect(findProcesses(directory)).toEqual([])
  })

  it('kills whoever does not drain in time', async () => {
    const directory = createDirectory()
    const serve = start(directory, ['gateway-never-drains'])
    await serve.event('ready')
    serve.process.kill('SIGTERM')
    expect(await serve.ended).toBe(0)
    expect(findProcesses(directory)).toEqual([])
  })

  it('ends at once on the second signal, but not on the first one heard twice', async () => {
    const directory = createDirectory()
    const serve = start(directory, ['gateway-never-drains', 'control-never-drains'])
    await serve.event('ready')
    serve.process.kill('SIGINT')
    serve.process.kill('SIGTERM')
    await serve.event('stopping')
    expect(pidsOf(directory, 'control')).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 600))
    serve.process.kill('SIGINT')
    await serve.ended
    expect(findProcesses(directory)).toEqual([])
    expect(diary(directory)).not.toContain('control ended')
  })
})

describe('baleen stop --all', () => {
  it('ends the supervisor of the data directory and waits for it, or says that there is none', async () => {
    const directory = createDirectory()
    const serve = start(directory)
    await serve.event('ready')
    expect(await runCommand(['stop', '--all', '--data', directory])).toMatchObject({ code: 0 })
    expect(findProcesses(directory)).toEqual([])
    expect(await serve.ended).toBe(0)
    expect(await runCommand(['stop', '--all', '--data', directory])).toMatchObject({ code: 6 })
  })
})

describe('a supervisor that may not start', () => {
  const failure = async (serve: StubServe) => {
    expect(await serve.ended).toBe(1)
    return serve.event('error')
  }

  it('names the process that has the data directory', async () => {
    const directory = createDirectory()
    const first = start(directory)
    await first.event('ready')
    expect(await failure(start(directory))).toMatchObject({
      code: 'machine/already-running',
      message: expect.stringContaining(`process ${first.process.pid}`),
    })
    expect(pidsOf(directory, 'gateway')).toHaveLength(2)
  })

  it('names the busy port, also where the stranger would share it', async () => {
    const directory = createDirectory()
    const port = await occupyPort()
    expect(await failure(start(directory, [], port))).toMatchObject({
      code: 'machine/port-busy',
      message: expect.stringContaining(String(port)),
    })
    expect(existsSync(join(directory, 'diary'))).toBe(false)
  })

  it('says which data directory it may not write to', async () => {
    const file = join(createDirectory(), 'file')
    writeFileSync(file, '')
    expect(await failure(start(join(file, 'data')))).toMatchObject({
      code: 'machine/data-unwritable',
      message: expect.stringContaining(file),
    })
  })

  it('passes on what a child can not go on with', async () => {
    const directory = createDirectory()
    expect(await failure(start(directory, ['control-fatal']))).toMatchObject({
      code: 'store/locked',
      message: 'the stub refuses',
      hint: 'ask it nicely',
    })
    expect(findProcesses(directory)).toEqual([])
  })

  it('gives up on a child that ends before it was ever ready, and says where it left its words', async () => {
    const directory = createDirectory()
    expect(await failure(start(directory, ['gateway-crashes']))).toMatchObject({
      message: expect.stringContaining('ended with code 7'),
      hint: expect.stringContaining('gateway-'),
    })
    expect(findProcesses(directory)).toEqual([])
  })
})
