import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { errorBody } from '../contract/api.ts'
import type { Engine, EngineSignals } from './engine.ts'

/** A running engine. */
export interface EngineUnderTest {
  readonly url: string
  /** Where requests have to name it. */
  readonly model?: string
  readonly healthPath?: string
}

/**
 * What every engine has to do, whatever runs inside. Run by each adapter against the real thing, and by the fake. What
 * others wrote has errors of its own form.
 */
export function engineContract(
  name: string,
  engine: Engine,
  /** Starts one for the task, or hands out one that runs; it has to be ready and able to write 500 tokens. */
  start: (task: 'generate' | 'embed') => Promise<EngineUnderTest>,
  { isOurs = true }: { readonly isOurs?: boolean } = {},
): void {
  describe(`${name}, as every engine`, () => {
    if (engine.tasks.includes('generate')) generation(engine, () => start('generate'))
    if (engine.tasks.includes('generate')) refusal(() => start('generate'), isOurs)
    if (engine.tasks.includes('embed')) embedding(() => start('embed'))
  })
}

const usage = z.object({
  prompt_tokens: z.int().min(1),
  completion_tokens: z.int().min(0),
  total_tokens: z.int(),
})
const head = z.object({ id: z.string().min(1), created: z.int(), model: z.string() })
const finishReason = z.enum(['stop', 'length', 'tool_calls'])
const chatAnswer = head.extend({
  object: z.literal('chat.completion'),
  choices: z
    .array(
      z.object({
        index: z.int(),
        message: z.object({ role: z.literal('assistant'), content: z.string() }),
        finish_reason: finishReason,
      }),
    )
    .min(1),
  usage,
})
const chatChunk = head.extend({
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({ role: z.string().optional(), content: z.string().optional() }),
      finish_reason: finishReason.nullable(),
    }),
  ),
  usage: usage.nullable().optional(),
})

const messages = [{ role: 'user', content: 'Say hello' }]

function generation(engine: Engine, start: () => Promise<EngineUnderTest>): void {
  it('is ready, and says so in a way its adapter reads', async () => {
    const { url, healthPath = '/health' } = await start()
    const response = await fetch(url + healthPath)
    expect(engine.readHealth(response.status, await response.text()).state).toBe('ready')
  })

  it('lists its model', async () => {
    const { url } = await start()
    const body = await (await fetch(`${url}/v1/models`)).json()
    expect(body).toMatchObject({ object: 'list', data: [{ object: 'model' }] })
  })

  it('answers a chat whole', async () => {
    const { url, model } = await start()
    const response = await post(url, '/v1/chat/completions', { model, messages, max_tokens: 4 })
    expect(response.status).toBe(200)
    const answer = chatAnswer.parse(await response.json())
    expect(answer.usage.total_tokens).toBe(
      answer.usage.prompt_tokens + answer.usage.completion_tokens,
    )
  })

  it('ends with "length" at max_tokens', async () => {
    const { url, model } = await start()
    const response = await post(url, '/v1/chat/completions', { model, messages, max_tokens: 1 })
    const answer = chatAnswer.parse(await response.json())
    expect(answer.choices[0]!.finish_reason).toBe('length')
    expect(answer.usage.completion_tokens).toBe(1)
  })

  it('streams the same chat in chunks, then [DONE]', async () => {
    const { url, model } = await start()
    const body = { model, messages, max_tokens: 4, temperature: 0 }
    const whole = chatAnswer.parse(await (await post(url, '/v1/chat/completions', body)).json())
    const { chunks, last } = await stream(url, body)
    expect(last).toBe('[DONE]')
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant')
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
    expect(text).toBe(whole.choices[0]!.message.content)
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
    const reasons = chunks.map((chunk) => chunk.choices[0]!.finish_reason).filter(Boolean)
    expect(reasons).toEqual([whole.choices[0]!.finish_reason])
    for (const chunk of chunks) expect(chunk.usage).toBeUndefined()
  })

  it('tells usage in a last chunk of its own where asked', async () => {
    const { url, model } = await start()
    const body = { model, messages, max_tokens: 4, stream_options: { include_usage: true } }
    const { chunks } = await stream(url, body)
    const last = chunks.pop()!
    expect(last.choices).toEqual([])
    expect(last.usage?.prompt_tokens).toBeGreaterThan(0)
    // OpenAI writes null; some leave it out.
    for (const chunk of chunks) expect(chunk.usage ?? null).toBeNull()
  })

  it('completes a raw prompt', async () => {
    const { url, model } = await start()
    const response = await post(url, '/v1/completions', {
      model,
      prompt: 'Once upon',
      max_tokens: 3,
    })
    expect(await response.json()).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: expect.any(String) }],
      usage: { completion_tokens: expect.any(Number) },
    })
  })

  const tells = engine.metricsPath !== null
  it.runIf(tells)('stops working when the client goes away', async () => {
    const { url, model } = await start()
    const gone = new AbortController()
    onTestFinished(() => gone.abort())
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages, max_tokens: 400, stream: true, ignore_eos: true }),
      signal: gone.signal,
    })
    await response.body!.getReader().read()
    expect((await readSignals(engine, url)).running).toBeGreaterThan(0)
    gone.abort()
    await expect
      .poll(async () => (await readSignals(engine, url)).running, { timeout: 15_000 })
      .toBe(0)
  })

  it.runIf(tells)('counts tokens in its metrics', async () => {
    const { url, model } = await start()
    const before = await readSignals(engine, url)
    await (await post(url, '/v1/chat/completions', { model, messages, max_tokens: 3 })).text()
    const after = await readSignals(engine, url)
    expect(after.promptTokensTotal!).toBeGreaterThan(before.promptTokensTotal!)
    expect(after.generationTokensTotal!).toBeGreaterThan(before.generationTokensTotal!)
    expect(after).toMatchObject({ running: 0, waiting: 0 })
    expect(after.kvUsage).toBeLessThanOrEqual(1)
  })
}

function refusal(start: () => Promise<EngineUnderTest>, isOurs: boolean): void {
  it.each([
    ['what is no JSON', '/v1/chat/completions', '{"messages":', 400],
    ['a path it does not have', '/v1/nothing', '{}', 404],
  ])('refuses %s', async (_, path, body, status) => {
    const { url } = await start()
    const response = await fetch(url + path, { method: 'POST', body })
    expect(response.status).toBe(status)
    if (isOurs)
      expect(errorBody.parse(await response.json()).error.type).toBe('invalid_request_error')
  })
}

function embedding(start: () => Promise<EngineUnderTest>): void {
  const answer = z.object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.string(), z.array(z.number())]),
      }),
    ),
    usage: z.object({ prompt_tokens: z.int().min(1), total_tokens: z.int().min(1) }),
  })

  it('embeds several texts, as numbers and as the same in base64', async () => {
    const { url } = await start()
    const input = ['a cat', 'a dog on a long walk']
    const read = async (format: string) => {
      const response = await post(url, '/v1/embeddings', { input, encoding_format: format })
      return answer.parse(await response.json()).data.map((one) => one.embedding)
    }
    const numbers = (await read('float')) as number[][]
    const texts = (await read('base64')) as string[]
    expect(numbers).toHaveLength(2)
    for (const [index, text] of texts.entries()) {
      const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
      const vector = [...new Float32Array(bytes.buffer)]
      expect(vector).toHaveLength(numbers[index]!.length)
      for (const [at, value] of vector.entries()) expect(value).toBeCloseTo(numbers[index]![at]!, 5)
    }
  })
}

const post = (url: string, path: string, body: object): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function stream(url: string, body: object) {
  const response = await post(url, '/v1/chat/completions', { ...body, stream: true })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const events = (await response.text())
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''))
  return {
    last: events.at(-1),
    chunks: events.slice(0, -1).map((event) => chatChunk.parse(JSON.parse(event))),
  }
}

async function readSignals(engine: Engine, url: string): Promise<EngineSignals> {
  return engine.parseMetrics(await (await fetch(url + (engine.metricsPath ?? ''))).text())
}
