import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ant, createWorld, wait, type Running } from '../../../test/support/control-world.ts'
import { journalFileName } from '../../contract/journal.ts'
import { startTimeOf } from '../process-table.ts'

const kinds = ({ messages }: Running): string[] => messages.map(({ type }) => type)

describe('control', () => {
  it('brings everything up on first start: key, token, store, snapshot, engines', async () => {
    const { dataDirectory, start, ready, snapshot, readyIds } = createWorld()
    const control = start({ deployments: [{ ...ant, replicas: 2 }] })
    await ready(control)
    const created = control.messages.find((message) => message.type === 'key-created')
    expect(created?.key).toMatch(/^bln_[\w-]{43}$/)
    expect(snapshot().keys).toMatchObject([{ name: 'first', routes: null }])
    expect(JSON.stringify(snapshot())).not.toContain(created?.key)
    expect(statSync(join(dataDirectory, 'admin.token')).mode & 0o777).toBe(0o600)
    await expect.poll(() => readyIds(), wait).toHaveLength(2)
    const { url } = snapshot().routes[0]!.targets[0]!.replicas[0]!
    expect((await fetch(`${url}/health`)).status).toBe(200)
    const status = await (await control.api('GET', '/status')).json()
    expect(status).toMatchObject({
      version: '0.0.0-test',
      store: 'sqlite',
      deployments: [{ status: '2 of 2 ready' }],
    })
    await expect
      .poll(() => kinds(control).filter((kind) => kind === 'heartbeat').length, wait)
      .toBeGreaterThan(1)
  })

  it('killed, is followed by one that adopts the engines and knows every acknowledged change', async () => {
    const { start, ready, snapshot, readyIds, enginePids } = createWorld()
    const first = start()
    await ready(first)
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const [id] = readyIds()
    const pids = enginePids()
    const { version } = snapshot()
    const created = await first.api('POST', '/keys', { name: 'kept' })
    const scaled = await first.api('POST', '/deployments/ant/scale', { replicas: 2 })
    first.process.kill('SIGKILL')
    expect([created.status, scaled.status]).toEqual([201, 200])
    await once(first.process, 'exit')
    expect(enginePids()).toEqual(expect.arrayContaining(pids))

    const second = start()
    await ready(second)
    expect(readyIds()).toContain(id)
    await expect.poll(() => readyIds(), wait).toHaveLength(2)
    expect(enginePids()).toEqual(expect.arrayContaining(pids))
    expect(enginePids()).toHaveLength(2)
    expect(snapshot().version).toBeGreaterThan(version)
    expect(snapshot().keys.map(({ name }) => name)).toEqual(['first', 'kept'])
    expect(kinds(second)).not.toContain('key-created')
  })

  it('killed at any moment, loses no acknowledged change and leaves no engine unknown', async () => {
    const { start, ready, readyIds, enginePids } = createWorld()
    const acknowledged: string[] = []
    for (let round = 0; round < 4; round++) {
      const control = start()
      await ready(control)
      const working = (async () => {
        for (let count = 0; ; count++) {
          const name = `d-${round}-${count}`
          const response = await control.api('PUT', `/deployments/${name}`, {
            ...ant,
            name,
            replicas: count % 2,
          })
          if (response.ok) acknowledged.push(name)
        }
      })()
      await expect
        .poll(() => acknowledged.length, wait)
        .toBeGreaterThan(round * 3 + Math.random() * 3)
      const gone = once(control.process, 'exit')
      control.process.kill('SIGKILL')
      await working.catch(() => {})
      await gone
    }
    const last = start()
    await ready(last)
    const { deployments } = (await (await last.api('GET', '/deployments')).json()) as {
      deployments: { spec: { name: string } }[]
    }
    const names = deployments.map(({ spec }) => spec.name)
    expect(names).toEqual(expect.arrayContaining(acknowledged))
    for (const name of names.filter((one) => one !== 'ant'))
      expect((await last.api('DELETE', `/deployments/${name}`)).status).toBe(204)
    await expect.poll(() => enginePids(), wait).toHaveLength(1)
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
  }, 120_000)

  it('told to drain, ends the engines and then itself', async () => {
    const { dataDirectory, start, ready, readyIds, enginePids } = createWorld()
    const control = start()
    await ready(control)
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    control.process.send({ type: 'drain' })
    const [code] = await once(control.process, 'exit')
    expect(code).toBe(0)
    expect(enginePids()).toEqual([])
    expect(readyIds()).toEqual([])
    expect(
      statSync(join(dataDirectory, 'run/control.json'), { throwIfNoEntry: false }),
    ).toBeUndefined()
  })

  it.each([
    ['left by its supervisor', (child: ChildProcess) => child.disconnect()],
    ['told to end by a signal', (child: ChildProcess) => child.kill('SIGTERM')],
  ])('%s, ends and leaves the engines to the next', async (_, leave) => {
    const { start, ready, readyIds, enginePids } = createWorld()
    const control = start()
    await ready(control)
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const pids = enginePids()
    leave(control.process)
    const [code] = await once(control.process, 'exit')
    expect(code).toBe(0)
    expect(enginePids()).toEqual(pids)
  })

  it('brings the usage journal into the store', async () => {
    const { dataDirectory, start, ready } = createWorld()
    const record = {
      pid: process.pid,
      startTime: startTimeOf(process.pid),
      url: null,
      index: 0,
      startedAtMs: 7,
    }
    writeFileSync(join(dataDirectory, 'run/gateway-0.json'), JSON.stringify(record))
    const shared = { id: 'req_1', atMs: 5, key: 'k', route: 'ant', endpoint: 'chat', stream: false }
    const lines = [
      { t: 'open', ...shared, estimatedTokens: 9 },
      {
        t: 'close',
        ...shared,
        deployment: 'ant',
        replica: 'ant-1',
        outcome: 'ok',
        status: 200,
        error: null,
        clientId: null,
        promptTokens: 1,
        completionTokens: 2,
        cachedTokens: 0,
        isEstimated: false,
        ttftMs: null,
        e2eMs: 3,
        holdMs: 0,
        itlMsMean: null,
        attempts: 1,
        requestBytes: 4,
        responseBytes: 5,
      },
    ]
    const path = join(dataDirectory, 'journal', journalFileName(0, 7, 0))
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const control = start()
    await ready(control)
    const ids = async () => {
      const body = (await (await control.api('GET', '/requests')).json()) as {
        requests: { id: string }[]
      }
      return body.requests.map(({ id }) => id)
    }
    await expect.poll(ids, wait).toEqual(['req_1'])
    const { url } = JSON.parse(readFileSync(join(dataDirectory, 'run/control.json'), 'utf8'))
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('baleen_control_usage_replayed_total 1')
    expect(metrics).toMatch(/baleen_control_replicas\{deployment="ant",state="ready"\} [01]\n/)
  })

  it('says what keeps it from starting, so that nobody starts it again in vain', async () => {
    const { start, ready } = createWorld()
    const first = start()
    await ready(first)
    const second = start()
    await once(second.process, 'exit')
    expect(second.messages).toContainEqual(
      expect.objectContaining({ type: 'fatal', code: 'store/locked' }),
    )

    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    onTestFinished(() => void holder.close())
    const { port } = holder.address() as AddressInfo
    const other = createWorld()
    const third = other.start({ control: { port } })
    await once(third.process, 'exit')
    expect(third.messages).toContainEqual(
      expect.objectContaining({ type: 'fatal', code: 'machine/port-busy' }),
    )
  })
})
