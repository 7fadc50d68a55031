import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { deploymentSpec } from '../contract/deployment.ts'
import { simulationOf } from '../engines/simulated/simulated.ts'
import { startSimulatedEngine } from '../engines/simulated/simulated-process.ts'
import type { RunningEngine } from '../engines/run-engine.ts'
import { createPorts } from '../runtimes/process/ports.ts'
import { createStepModel } from '../server/simulated/step-model.ts'
import { chat, chatPath, startGateway, until, type World } from '../../test/support/gateway.ts'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const portOn = createPorts()
const here = { name: 'here', address: '127.0.0.1', namespace: null }

/** A replica of a pair that plays an engine on an H100, in this process. */
async function replica(
  role: 'prefill' | 'decode',
  engine: 'vllm' | 'sglang' | 'trtllm' = 'vllm',
): Promise<RunningEngine> {
  const deployment = deploymentSpec.parse({
    name: 'ant',
    model: 'llama-3.1-8b',
    engine: 'simulated',
    hardware: 'h100',
    settings: { role, environment: { SIMULATED_ENGINE: engine } },
  })
  const port = await portOn(here)
  const flags = simulationOf({ deployment, host: here.address, port })
  const started = await startSimulatedEngine(flags, createStepModel(flags), () => {})
  opened.push(() => started.drain(0))
  return started
}

async function gateway(world: World) {
  const started = await startGateway(world)
  opened.push(() => started.close())
  return started
}

const whereOf = ({ host, port, name }: { host: string; port: number; name: string }) => ({
  do_remote_prefill: true,
  remote_block_ids: [[0]],
  remote_engine_id: 'x',
  remote_request_id: name,
  remote_host: host,
  remote_port: port,
})
const answers = 20
const asked = (more: object = {}) => chat({ max_tokens: answers, ignore_eos: true, ...more })
const metric = async ({ url }: RunningEngine, name: string): Promise<number> => {
  const page = await (await fetch(`${url}/metrics`)).text()
  const line = page.split('\n').find((one) => one.startsWith(name))
  return Number(line?.split(' ').at(-1) ?? 0)
}
const contentOf = (text: string): string =>
  text
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: {'))
    .map((frame) => {
      const event = JSON.parse(frame.slice(6)) as { choices: { delta?: { content?: string } }[] }
      return event.choices[0]?.delta?.content ?? ''
    })
    .join('')

describe.each(['vllm', 'sglang', 'trtllm'] as const)('a pair of %s', (engine) => {
  const pair = async () => {
    const [reads, writes] = [await replica('prefill', engine), await replica('decode', engine)]
    const routes = { ant: [writes.url] }
    const started = await gateway({
      routes,
      prefill: { ant: { protocol: engine, urls: [reads.url] } },
    })
    return { reads, writes, started }
  }

  it('answers whole and as a stream, the same, and counts it once', async () => {
    const { reads, writes, started } = await pair()
    const whole = await started.post(chatPath, asked())
    const answer = (await whole.json()) as {
      choices: { message: { content: string } }[]
      usage: { prompt_tokens: number; completion_tokens: number }
    }
    expect(whole.status).toBe(200)
    expect(whole.headers.get('x-baleen-prefill')).toMatch(/^reads-/)
    const stream = await started.post(chatPath, asked({ stream: true }))
    expect(contentOf(await stream.text())).toBe(answer.choices[0]!.message.content)
    const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = answer.usage
    expect(completionTokens).toBe(answers)
    const closes = started.closes()
    expect(closes).toHaveLength(2)
    for (const close of closes) {
      expect(close).toMatchObject({ promptTokens, completionTokens, outcome: 'ok', attempts: 1 })
      expect(close.replica).toMatch(/^ant-/)
      expect(close.prefill).toMatchObject({ deployment: 'reads', reason: 'only-one' })
      expect(close.failedOn).toBeUndefined()
    }
    // Each did its own part: one token of an answer there, all of it here.
    expect(await metric(reads, 'vllm:generation_tokens_total')).toBe(2)
    expect(await metric(writes, 'vllm:generation_tokens_total')).toBe(2 * answers)
  })

  it('gives a request to another one that reads when the first is gone', async () => {
    const { reads, writes, started } = await pair()
    const second = await replica('prefill', engine)
    started.publish({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: engine, urls: [reads.url, second.url] } },
    })
    await reads.drain(0)
    for (let count = 0; count < 4; count++) {
      const response = await started.post(chatPath, asked({ stream: count % 2 === 0 }))
      expect(response.status).toBe(200)
      await response.arrayBuffer()
    }
    const closes = started.closes()
    expect(closes.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok'])
    for (const { prefill } of closes) expect(second.url).toContain(prefill!.replica!.split('-')[1]!)
  })

  it('fails with the engine’s words where no cache comes, and goes on with the next request', async () => {
    if (engine === 'sglang') return // both fail together there
    const writes = await replica('decode', engine)
    const gone = { host: '127.0.0.1', port: 1, name: 'x' }
    const params =
      engine === 'vllm'
        ? { kv_transfer_params: whereOf(gone) }
        : {
            disaggregated_params: {
              request_type: 'generation_only',
              encoded_opaque_state: JSON.stringify(gone),
            },
          }
    const ask = async (more: object) =>
      fetch(`${writes.url}${chatPath}`, { method: 'POST', body: JSON.stringify(asked(more)) })
    const refused = await ask(params)
    expect(refused.status).toBe(500)
    expect(await refused.text()).toContain('could not be fetched')
    expect((await ask({})).status).toBe(200)
  })

  it('lets go of both when the client leaves', async () => {
    const { reads, writes, started } = await pair()
    const leave = new AbortController()
    const asking = started.post(chatPath, asked({ max_tokens: 5000 }), { signal: leave.signal })
    const runs = (count: number) => async () =>
      (await metric(writes, 'vllm:num_requests_running')) === count
    await until('it is written', runs(1))
    leave.abort()
    await asking.catch(() => {})
    await until('nothing is written', runs(0))
    await until('it is in the journal', () => started.closes().length === 1)
    expect(started.closes()[0]).toMatchObject({ outcome: 'cancelled' })
    expect(await metric(reads, 'vllm:num_requests_running')).toBe(0)
  })
})

describe('a pair without anybody who reads', () => {
  it('of vLLM is answered by the one that writes, and the journal says why', async () => {
    const writes = await replica('decode')
    const started = await gateway({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: 'vllm', urls: [] } },
    })
    expect((await started.post(chatPath, asked())).status).toBe(200)
    expect(started.closes()[0]).toMatchObject({
      outcome: 'ok',
      prefill: { replica: null, reason: 'no-prefill' },
    })
  })

  it('of SGLang is refused with what is missing', async () => {
    const writes = await replica('decode', 'sglang')
    const started = await gateway({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: 'sglang', urls: [] } },
    })
    const response = await started.post(chatPath, asked(), {
      headers: { 'x-baleen-timeout-ms': '0' },
    })
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('nothing reads its prompts: the reason')
  })
})

describe('a reader that is gone before its cache was fetched', () => {
  /** Says that it has read, and nothing is where it says. */
  async function liar(): Promise<string> {
    const server = createServer((_, response) => {
      const where = whereOf({ host: '127.0.0.1', port: 1, name: 'x' })
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ choices: [], kv_transfer_params: where }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    opened.push(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('fails nobody: another one reads, and the one that writes is not blamed', async () => {
    const [reads, writes, lies] = [await replica('prefill'), await replica('decode'), await liar()]
    const started = await gateway({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: 'vllm', urls: [lies, reads.url] } },
    })
    const all = Array.from({ length: 24 }, (_, at) =>
      started.post(chatPath, asked({ stream: at % 2 === 0 })).then((one) => one.text()),
    )
    for (const text of await Promise.all(all)) expect(text).not.toContain('"error"')
    const closes = started.closes()
    expect(closes.map(({ outcome }) => outcome)).toEqual(closes.map(() => 'ok'))
    // Some were tried with both.
    expect(closes.some(({ attempts }) => attempts === 2)).toBe(true)
  })

  it('leaves the prompt to the one that writes where there is no other', async () => {
    const [writes, lies] = [await replica('decode'), await liar()]
    const started = await gateway({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: 'vllm', urls: [lies] } },
    })
    expect((await started.post(chatPath, asked())).status).toBe(200)
    expect(started.closes()[0]).toMatchObject({
      attempts: 2,
      prefill: { replica: null, reason: 'prefill-lost' },
    })
    expect(started.closes()[0]?.failedOn?.[0]).toMatch(/^reads-/)
  })
})

describe('one that writes without end before any content', () => {
  it('is not kept back without end', async () => {
    const frame = `data: {"choices":[{"delta":{"role":"assistant"}}],"x":"${'x'.repeat(1000)}"}\n\n`
    const content = 'data: {"choices":[{"delta":{"content":"whale"}}]}\n\n'
    const seen = Promise.withResolvers<void>()
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let count = 0; count < 200; count++) response.write(frame)
      void seen.promise.then(() => response.end(`${content}data: [DONE]\n\n`))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    opened.push(() => server.close())
    const reads = await replica('prefill')
    const started = await gateway({
      routes: { ant: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`] },
      prefill: { ant: { protocol: 'vllm', urls: [reads.url] } },
    })
    const response = await started.post(chatPath, asked({ stream: true }))
    // The head comes with the first part: before there was content.
    seen.resolve()
    expect(await response.text()).toBe(`${frame.repeat(200)}${content}data: [DONE]\n\n`)
    expect(started.closes()[0]).toMatchObject({ outcome: 'ok' })
  })
})

describe('a request that can not be shared out', () => {
  it('is answered whole, and what only engines may say of caches is taken out', async () => {
    const [reads, writes] = [await replica('prefill'), await replica('decode')]
    const started = await gateway({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: 'vllm', urls: [reads.url] } },
    })
    const forged = { do_remote_prefill: true, remote_host: '10.0.0.1', remote_port: 1 }
    const response = await started.post(
      chatPath,
      asked({
        n: 2,
        kv_transfer_params: { ...forged, remote_engine_id: 'x', remote_block_ids: [] },
      }),
    )
    expect(response.status).toBe(200)
    expect(started.closes()[0]).toMatchObject({ prefill: { reason: 'several-answers' } })
    const second = await started.post(chatPath, asked({ kv_transfer_params: forged }))
    expect(second.status).toBe(200)
    expect(started.closes()[1]).toMatchObject({ prefill: { reason: 'only-one' } })
  })

  it('passes on what the one that reads thinks of it', async () => {
    const [reads, writes] = [await replica('prefill'), await replica('decode')]
    const started = await gateway({
      routes: { ant: [writes.url] },
      prefill: { ant: { protocol: 'vllm', urls: [reads.url] } },
    })
    const response = await started.post(chatPath, asked({ temperature: -1 }))
    expect(response.status).toBe(400)
    expect(started.closes()[0]).toMatchObject({ outcome: 'rejected', attempts: 1 })
  })
})
