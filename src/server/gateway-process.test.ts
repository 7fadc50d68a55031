import { fork, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import {
  chat,
  chatPath,
  createDataDirectory,
  publish,
  readJournal,
  until,
  type World,
} from '../../test/support/gateway.ts'
import type { GatewayRecord } from '../contract/boot.ts'
import { config } from '../contract/config.ts'
import type { ChildMessage } from '../contract/ipc.ts'
import { startFakeEngine, type FakeEngine } from '../engines/fake/fake-engine.ts'
import { createLimitAuthority, type Outgoing } from '../gateway/policy/limit-authority.ts'
import { bootEnvironment, childEnvironment } from './environment.ts'

const script = join(import.meta.dirname, 'gateway-process.ts')

interface Machine {
  readonly url: string
  readonly directory: string
  readonly children: readonly ChildProcess[]
  readonly heartbeats: number[]
}

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

/** So many gateway processes on one port, with this process as their supervisor. */
async function startProcesses(count: number, world: World): Promise<Machine> {
  const directory = createDataDirectory()
  publish(directory, world)
  const port = await freePort()
  const authority = createLimitAuthority()
  const nowMs = () => performance.timeOrigin + performance.now()
  const heartbeats = Array.from({ length: count }, () => 0)
  const ready = new Set<number>()
  const deliver = (outgoing: Outgoing[]) => {
    for (const { gateway, message } of outgoing)
      if (children[gateway]?.connected) children[gateway].send(message)
  }
  const hear = (index: number, message: ChildMessage) => {
    if (message.type === 'ready') ready.add(index)
    if (message.type === 'heartbeat') heartbeats[index]!++
    if (message.type === 'limit-ask') deliver(authority.ask(index, message, nowMs()))
    if (message.type === 'limit-return') deliver(authority.giveBack(index, message, nowMs()))
  }
  const ticker = setInterval(() => deliver(authority.tick(nowMs())), 50)
  const children = Array.from({ length: count }, (_, index) => {
    const boot = {
      role: 'gateway' as const,
      index,
      gateways: count,
      dataDirectory: directory,
      config: config.parse({ gateway: { port, drainTimeout: '5s' } }),
      gatewayUrl: `http://127.0.0.1:${port}`,
    }
    const child = fork(script, {
      env: childEnvironment(bootEnvironment(boot)),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child.on('message', (message) => hear(index, message as ChildMessage))
    child.on('exit', () => deliver(authority.leave(index, nowMs())))
    return child
  })
  opened.push({
    close: async () => {
      clearInterval(ticker)
      for (const child of children) child.kill('SIGKILL')
      await until('they are gone', () => children.every(hasEnded))
      rmSync(directory, { recursive: true, force: true })
    },
  })
  await until('all listen', () => ready.size === count, 30_000)
  return { url: `http://127.0.0.1:${port}`, directory, children, heartbeats }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

async function startEngine(): Promise<FakeEngine> {
  const ant = await startFakeEngine()
  opened.push(ant)
  return ant
}

/** Connections of their own, so that the kernel spreads them over the processes. */
async function sendAll(url: string, key: string, count: number, lanes: number): Promise<number[]> {
  const agent = new Agent({ connections: lanes, pipelining: 1 })
  const statuses = await Promise.all(
    Array.from({ length: count }, async () => {
      const { statusCode, body } = await request(`${url}${chatPath}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(chat()),
        dispatcher: agent,
      })
      await body.dump()
      return statusCode
    }),
  )
  await agent.destroy()
  return statuses
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

describe('gateway processes', () => {
  it('admit together exactly the limit of a key, and count it in one journal', async () => {
    const ant = await startEngine()
    const key = 'bln_exact'
    const machine = await startProcesses(2, {
      routes: { ant: [ant.url] },
      keys: [{ secret: key, requestsPerMinute: 150 }],
    })
    const statuses = await sendAll(machine.url, key, 400, 40)
    expect(statuses.filter((status) => status === 200)).toHaveLength(150)
    expect(statuses.filter((status) => status === 429)).toHaveLength(250)
    const closes = readJournal(machine.directory).filter(({ t }) => t === 'close')
    expect(closes).toHaveLength(150)
    expect(new Set(closes.map(({ id }) => id)).size).toBe(150)
    // Both had a part in it, or the test shows nothing.
    const prefixes = new Set(closes.map(({ id }) => id.slice(0, 24)))
    expect(prefixes.size).toBe(2)
  })

  it('show the sum of their metrics, each from its private port', async () => {
    const ant = await startEngine()
    const machine = await startProcesses(2, { routes: { ant: [ant.url] } })
    await sendAll(machine.url, 'bln_test_key', 60, 20)
    const text = await (await fetch(`${machine.url}/metrics`)).text()
    expect(text).toMatch(/baleen_gateway_requests_total\{[^}]*outcome="ok"[^}]*\} 60\n/)
    expect(text).toMatch(/baleen_gateway_tokens_total\{[^}]*kind="completion"[^}]*\} 360\n/)
    expect(text).toMatch(/baleen_gateway_request_duration_seconds_count\{[^}]*\} 60\n/)
    const record = JSON.parse(
      readFileSync(join(machine.directory, 'run/gateway-1.json'), 'utf8'),
    ) as GatewayRecord
    expect(record).toMatchObject({
      index: 1,
      pid: machine.children[1]!.pid,
      startTime: expect.stringMatching(/^\d+$/),
    })
  })

  it('beat, drain on request, and finish when their supervisor is gone', async () => {
    const ant = await startEngine()
    ant.behaviour.headDelayMs = 700
    const machine = await startProcesses(2, { routes: { ant: [ant.url] } })
    await until('both beat', () => machine.heartbeats.every((count) => count >= 2))
    const answers = sendAll(machine.url, 'bln_test_key', 20, 20)
    await until('the engine has them all', () => ant.requests.length === 20)
    machine.children[0]!.send({ type: 'drain' })
    machine.children[1]!.disconnect()
    expect(new Set(await answers)).toEqual(new Set([200]))
    await until('both have ended', () => machine.children.every(hasEnded))
    expect(machine.children.map(({ exitCode }) => exitCode)).toEqual([0, 0])
    expect(existsSync(join(machine.directory, 'run/gateway-0.json'))).toBe(false)
    expect(readJournal(machine.directory).filter(({ t }) => t === 'close')).toHaveLength(20)
  })
})
