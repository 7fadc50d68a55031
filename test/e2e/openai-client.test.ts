import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve, until, type Serving } from './serving.ts'

const chatModel = 'minimind2-small'
const embeddingModel = 'all-minilm-l6-v2'
const question = [{ role: 'user' as const, content: 'What is the capital of France?' }]

describe('the openai client against a served model', () => {
  let serving: Serving
  let openai: OpenAI

  beforeAll(async () => {
    serving = await serve()
    openai = serving.openai()
  }, 120_000)
  afterAll(() => serving?.close(), 60_000)

  it('lists the models, the chat model first', async () => {
    const models = await Array.fromAsync(openai.models.list())
    expect(models.map((model) => model.id)).toEqual([chatModel, embeddingModel])
    expect(await openai.models.retrieve(chatModel)).toMatchObject({
      id: chatModel,
      object: 'model',
    })
  })

  it('answers a chat that came before the model was loaded', async () => {
    const answer = await openai.chat.completions.create({
      model: chatModel,
      messages: question,
      max_tokens: 24,
      temperature: 0,
    })
    expect(answer.choices[0]?.message.content).toContain('Paris')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.usage?.completion_tokens).toBeGreaterThan(3)
    expect(answer.usage?.total_tokens).toBe(
      answer.usage!.prompt_tokens + answer.usage!.completion_tokens,
    )
  })

  it('streams the same answer', async () => {
    const stream = await openai.chat.completions.create({
      model: chatModel,
      messages: question,
      max_tokens: 24,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await Array.fromAsync(stream)
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
    expect(text).toContain('Paris')
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
    expect(chunks.at(-1)).toMatchObject({ choices: [] })
    expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(3)
  })

  it('leaves the usage chunk out of a stream that did not ask for it', async () => {
    const stream = await openai.chat.completions.create({
      model: chatModel,
      messages: question,
      max_tokens: 8,
      stream: true,
    })
    const chunks = await Array.fromAsync(stream)
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true)
  })

  it('collects a stream with the helper of the client', async () => {
    const runner = openai.chat.completions.stream({
      model: chatModel,
      messages: question,
      max_tokens: 24,
      temperature: 0,
    })
    expect(await runner.finalContent()).toContain('Paris')
  })

  it('completes plain text, streamed and not', async () => {
    const request = { model: chatModel, prompt: 'Once upon a time', max_tokens: 8, temperature: 0 }
    const whole = await openai.completions.create(request)
    expect(whole.choices[0]?.text.length).toBeGreaterThan(0)
    const chunks = await Array.fromAsync(
      await openai.completions.create({ ...request, stream: true }),
    )
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('')).toBe(
      whole.choices[0]?.text,
    )
  })

  it('frees the engine when a stream is cancelled', async () => {
    const stream = await openai.chat.completions.create({
      model: chatModel,
      messages: [{ role: 'user', content: 'Write a very long story about a whale.' }],
      max_tokens: 3000,
      stream: true,
      logit_bias: { 2: -100 },
    })
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
    stream.controller.abort()
    await until('the cancelled request is in the books', async () => {
      const { requests } = (await (await serving.api('GET', '/requests?limit=20')).json()) as {
        requests: { outcome: string; completionTokens: number }[]
      }
      return requests.some(
        (request) => request.outcome === 'cancelled' && request.completionTokens < 1500,
      )
    })
  })

  it('embeds as base64 by default and as floats on request', async () => {
    const input = [
      'A cat sits on the mat.',
      'A kitten rests on the rug.',
      'Interest rates rose again.',
    ]
    const byDefault = await openai.embeddings.create({ model: embeddingModel, input })
    const floats = await openai.embeddings.create({
      model: embeddingModel,
      input,
      encoding_format: 'float',
    })
    const [cat, kitten, rates] = floats.data.map((item) => item.embedding)
    expect(byDefault.data[0]?.embedding).toHaveLength(384)
    expect(cosine(byDefault.data[0]!.embedding, cat!)).toBeGreaterThan(0.9999)
    expect(cosine(cat!, kitten!)).toBeGreaterThan(cosine(cat!, rates!) + 0.2)
  })

  it.each([
    ['an unknown model', 404, 'model_not_found', { model: 'gpt-99' }],
    ['a wrong type', 400, null, { temperature: 'hot' }],
    ['a huge n', 400, null, { n: 100_000 }],
    ['no messages', 400, null, { messages: [] }],
    ['stream_options without stream', 400, null, { stream_options: { include_usage: true } }],
    [
      'a prompt beyond the context',
      400,
      'context_length_exceeded',
      {
        messages: [{ role: 'user', content: 'whale '.repeat(50_000) }],
      },
    ],
  ])('gets a typed error for %s', async (_, status, code, change) => {
    const body = { model: chatModel, messages: question, max_tokens: 4, ...change }
    const failure = await openai.chat.completions.create(body as never).then(
      () => undefined,
      (thrown: unknown) => thrown as InstanceType<typeof OpenAI.APIError>,
    )
    expect(failure).toBeInstanceOf(OpenAI.APIError)
    expect(failure?.status).toBe(status)
    if (code) expect(failure?.code).toBe(code)
    expect(failure?.requestID).toBeTruthy()
  })

  it('gets an authentication error for a wrong key', async () => {
    await expect(serving.openai('bln_wrong').models.list()).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    )
  })

  it('gets a rate limit error with headers once a key has used its requests', async () => {
    const made = await serving.api('POST', '/keys', { name: 'limited', requestsPerMinute: 3 })
    const { key } = (await made.json()) as { key: string }
    await until('the key has reached the gateways', async () => {
      const { status } = await fetch(`${serving.url}/v1/models`, {
        headers: { authorization: `Bearer ${key}` },
      })
      return status === 200
    })
    const limited = serving.openai(key)
    const attempts = await Promise.allSettled(
      Array.from({ length: 12 }, () =>
        limited.chat.completions.create({ model: chatModel, messages: question, max_tokens: 2 }),
      ),
    )
    expect(attempts.filter((attempt) => attempt.status === 'fulfilled')).toHaveLength(3)
    const refused = attempts.find((attempt) => attempt.status === 'rejected')?.reason
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError)
    expect(refused.headers.get('x-ratelimit-limit-requests')).toBe('3')
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

function cosine(left: readonly number[], right: readonly number[]): number {
  let dot = 0
  let leftSquared = 0
  let rightSquared = 0
  for (let index = 0; index < left.length; index++) {
    dot += left[index]! * right[index]!
    leftSquared += left[index]! ** 2
    rightSquared += right[index]! ** 2
  }
  return dot / Math.sqrt(leftSquared * rightSquared)
}
