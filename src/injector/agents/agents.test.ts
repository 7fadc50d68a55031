import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { chatStream } from '../../../test/golden-server/golden-script.ts'
import { startGoldenServer, type GoldenServer } from '../../../test/golden-server/golden-server.ts'
import { createLatencyHistogram, decodeLatencyHistogram } from '../drive/latency-histogram.ts'
import { completeSpec } from '../policy/default-spec.ts'
import { runInjection } from '../run-injection.ts'
import { startAgent, type Agent } from './agent.ts'
import { fromAgent, readLines } from './protocol.ts'

// Processes and sockets: on a machine that is busy with other tests they take their time.

const token = 'a token of 16 characters or more'
const agents: Agent[] = []
const servers: GoldenServer[] = []
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const agent of agents.splice(0)) await agent.close()
  for (const server of servers.splice(0)) await server.close()
})

async function golden(): Promise<GoldenServer> {
  const server = await startGoldenServer(() =>
    chatStream({ texts: ['a', 'b', 'c'], firstMs: 5, gapMs: 5 }),
  )
  servers.push(server)
  return server
}
async function agent(allowed: readonly string[] = []): Promise<string> {
  const started = await startAgent({ host: '127.0.0.1', port: 0, token, allowed })
  agents.push(started)
  return started.url
}
/** A process of its own, which can be killed. */
async function agentProcess(): Promise<{ url: string; child: ChildProcess }> {
  const script = `
    const { startAgent } = await import(${JSON.stringify(join(import.meta.dirname, 'agent.ts'))})
    console.log((await startAgent({ host: '127.0.0.1', port: 0, token: ${JSON.stringify(token)}, allowed: [] })).url)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  children.push(child)
  const [url] = (await new Promise<string[]>((resolve) =>
    createInterface({ input: child.stdout }).once('line', (line) => resolve([line])),
  )) as [string]
  return { url, child }
}
const specOf = (server: GoldenServer, durationMs = 1000) =>
  completeSpec({
    url: server.url,
    load: { kind: 'open', arrivals: 'constant', ratePerS: 60 },
    durationMs,
    workload: { outputTokens: { kind: 'uniform', min: 1, max: 50 } },
  })
const options = (urls: readonly string[], more: object = {}) => ({
  id: 'run',
  interrupt: new AbortController().signal,
  agents: { agents: urls, token },
  ...more,
})

describe('agents', () => {
  it('send one schedule together: each request once, none of this machine', async () => {
    const server = await golden()
    const seen: number[] = []
    const { report, records } = await runInjection(
      specOf(server),
      options([await agent(), await agent()], {
        onProgress: ({ ttftMs }: { ttftMs: { count: number } }) => seen.push(ttftMs.count),
      }),
    )
    expect(records.map(({ index }) => index)).toEqual([...Array(60).keys()])
    expect(report.summary.outcomes).toEqual({ ok: 60 })
    expect(report.summary.validity).toMatchObject({ isConserved: true })
    expect(report.client['agent 2']).toMatch(/cores, start within/)
    // What came while it ran adds up to all.
    expect(seen.reduce((sum, count) => sum + count, 0)).toBe(60)
    const alone = await golden()
    await runInjection({ ...specOf(server), url: alone.url }, options([], { agents: undefined }))
    const bodies = ({ arrivals }: GoldenServer) =>
      arrivals
        .filter(({ path }) => path.includes('chat'))
        .map(({ body }) => JSON.stringify(body))
        .sort()
    expect(bodies(server)).toEqual(bodies(alone))
  })

  it('one that is lost is named, and the run is not to be trusted', async () => {
    const server = await golden()
    const { url, child } = await agentProcess()
    const run = runInjection(specOf(server, 3000), options([url, await agent()]))
    while (server.arrivals.length < 40) await new Promise((resolve) => setTimeout(resolve, 10))
    child.kill('SIGKILL')
    const { report } = await run
    expect(report.summary.validity.isTrustworthy).toBe(false)
    expect(report.summary.validity.problems.join()).toMatch(
      new RegExp(`an agent was lost.*${url}.*90 accounted for`),
    )
    expect(report.summary.outcomes).toEqual({ ok: 90 })
  })

  it('end their load when the coordinator is killed', async () => {
    const server = await golden()
    const url = await agent()
    const script = `
      const { runInjection } = await import(${JSON.stringify(join(import.meta.dirname, '../run-injection.ts'))})
      await runInjection(${JSON.stringify(specOf(server, 60_000))}, { id: 'run', interrupt: new AbortController().signal, agents: { agents: [${JSON.stringify(url)}], token: ${JSON.stringify(token)} } })`
    const coordinator = spawn(process.execPath, ['--input-type=module', '-e', script])
    children.push(coordinator)
    while (server.arrivals.length < 30) await new Promise((resolve) => setTimeout(resolve, 10))
    coordinator.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const count = server.arrivals.length
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(server.arrivals).toHaveLength(count)
    // And take the next one.
    const { report } = await runInjection(specOf(server, 300), options([url]))
    expect(report.summary.outcomes).toEqual({ ok: 18 })
  })

  it('make faults of connections where they send', async () => {
    const server = await golden()
    const fault = {
      name: 'refuse',
      atMs: 0,
      forMs: 60_000,
      action: { kind: 'status', code: 503, share: 1 },
    } as const
    const { report } = await runInjection(
      { ...specOf(server), faults: [fault] },
      options([await agent(), await agent()]),
    )
    expect(report.faults).toHaveLength(1)
    expect(report.faults[0]).toMatchObject({ isUndone: true })
    expect(report.summary.outcomes['503']).toBeGreaterThan(40)
  })

  it.each([
    ['a wrong token', { token: 'x'.repeat(16) }, /the token is wrong/],
    ['nobody there', { agents: ['https://127.0.0.1:1'] }, /ECONNREFUSED/],
  ])('%s is said before anything is sent', async (_, change, message) => {
    const server = await golden()
    const url = await agent()
    const run = runInjection(
      specOf(server),
      options([], { agents: { agents: [url], token, ...change } }),
    )
    await expect(run).rejects.toThrow(message)
    await expect(run).rejects.toMatchObject({ code: 'injection/agent' })
    expect(server.arrivals.filter(({ path }) => path.includes('chat'))).toHaveLength(0)
  })

  it('serve nobody in plain text', async () => {
    const url = await agent()
    const plain = url.replace('https:', 'http:')
    await expect(fetch(`${plain}/v1/run`, { method: 'POST' })).rejects.toThrow()
  })

  it('let nobody on the way read along', async () => {
    const server = await golden()
    const url = new URL(await agent())
    const port = Number(url.port)
    const seen: Buffer[] = []
    const relay = createServer((near) => {
      const far = connect(port, url.hostname)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => {})
        from.on('data', (bytes) => seen.push(bytes))
        from.pipe(to)
      }
    })
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    url.port = String((relay.address() as AddressInfo).port)
    const { report } = await runInjection(
      specOf(server, 300),
      options([url.origin], { apiKey: 'key-of-the-endpoint' }),
    )
    relay.close()
    expect(report.summary.outcomes).toEqual({ ok: 18 })
    const text = Buffer.concat(seen).toString('latin1')
    expect(text.length).toBeGreaterThan(5000)
    for (const secret of [token, 'key-of-the-endpoint', 'prepare', server.url])
      expect(text).not.toContain(secret)
  })

  it('take one run at a time', async () => {
    const server = await golden()
    const url = await agent()
    const first = runInjection(specOf(server, 1500), options([url]))
    while (server.arrivals.length < 5) await new Promise((resolve) => setTimeout(resolve, 10))
    await expect(runInjection(specOf(server), options([url]))).rejects.toThrow(/busy/)
    expect((await first).report.summary.outcomes).toEqual({ ok: 90 })
  })
})

describe('what comes over the wire', () => {
  it('is a message, or fails with a code', async () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom('{"kind":"alive"}', '{"kind":"pong","sentMs":1}'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.nat(7), async (lines, size) => {
        const bytes = Buffer.from(lines.map((text) => `${text.replaceAll('\n', '')}\n`).join(''))
        const pieces = Array.from({ length: Math.ceil(bytes.length / (size + 1)) }, (_, at) =>
          bytes.subarray(at * (size + 1), (at + 1) * (size + 1)),
        )
        try {
          for await (const message of readLines(Readable.from(pieces), fromAgent))
            expect(['alive', 'pong']).toContain(message.kind)
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'injection/agent' })
        }
      }),
    )
  })
})

describe('histograms of latencies', () => {
  it('add up over machines as if there had been one', () => {
    const values = Array.from({ length: 3000 }, (_, index) => 0.5 + ((index * 7919) % 3000))
    const whole = createLatencyHistogram()
    whole.add(values)
    const merged = createLatencyHistogram()
    for (let part = 0; part < 3; part++) {
      const own = createLatencyHistogram()
      own.add(values.filter((_, index) => index % 3 === part))
      merged.merge(decodeLatencyHistogram(own.encode()))
    }
    for (const p of [0.01, 0.5, 0.9, 0.99, 1])
      expect(merged.percentile(p)).toBe(whole.percentile(p))
    expect(Math.abs(merged.percentile(0.5)! / 1500 - 1)).toBeLessThan(0.002)
  })
})
