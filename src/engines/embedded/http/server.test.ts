import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorBody } from '../../../contract/api.ts'
import { systemClock } from '../../../core/clock.ts'
import { createBatchLoop, type BatchLoop } from '../batch/batch-loop.ts'
import { createScriptedSession, type ScriptedSession } from '../batch/scripted-session.ts'
import { createStepTuner } from '../batch/step-tuner.ts'
import { createChatTemplate } from '../model/chat-template.ts'
import { createPromptReader } from '../model/prompt.ts'
import type { Vocabulary } from '../model/vocabulary.ts'
import { createEngineServer, type EngineServer } from './server.ts'
import type { Serving } from './serving.ts'

/** A byte is a token, 0 the end; the model repeats the bytes of `answer` after the prompt's last `|`. */
const vocabulary: Vocabulary = {
  size: 256,
  bosToken: null,
  tokenize: (text) => Uint32Array.from(new TextEncoder().encode(text)),
  bytesOf: (token) => (token === 0 ? new Uint8Array(0) : Uint8Array.of(token)),
  nameOf: (token) => `byte ${token}`,
  isEnd: (token) => token === 0,
}

let answer: string
let session: ScriptedSession
let loop: BatchLoop
let engine: EngineServer
let url: string
let waitingMax: number
let isLoading: boolean
let load: PromiseWithResolvers<void>
const unexpected: string[] = []

beforeEach(async () => {
  answer = 'Hello'
  waitingMax = 4
  isLoading = false
  load = Promise.withResolvers()
  unexpected.length = 0
  session = createScriptedSession({
    sequences: 2,
    contextTokens: 400,
    next(tokens) {
      const start = tokens.lastIndexOf('|'.charCodeAt(0)) + 1
      return new TextEncoder().encode(answer)[tokens.length - start] ?? 0
    },
  })
  loop = createBatchLoop(
    {
      get queueMax() {
        return waitingMax
      },
      limits: { batchTokens: 64, aloneMs: 1e9, sharedMs: 1e9 },
    },
    {
      session,
      tuner: createStepTuner([1]),
      clock: systemClock,
      onEnd: () => {},
      onBroken: () => {},
    },
  )
  const template = createChatTemplate(
    "{% for message in messages %}{{ message.content }}{% endfor %}{{ tools | length if tools else '' }}|",
    { bosText: '', eosText: '' },
  )
  const facts = { addsBos: false, embeddingFrame: { before: [], after: [] } }
  const serving: Serving = {
    name: 'scripted',
    contextTokens: 400,
    embeddingLength: 0,
    vocabulary,
    template,
    prompts: createPromptReader(vocabulary, facts, template),
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 },
    acceptsGrammar: () => true,
    generations: loop,
    embeddings: null,
  }
  engine = createEngineServer({
    health: () =>
      isLoading
        ? { status: 503, body: { state: 'loading', reason: 'loading' } }
        : { status: 200, body: { state: 'ready', reason: 'ready' } },
    settled: load.promise,
    metrics: () => Promise.resolve(''),
    serving: () => serving,
    onUnexpected: (error) => unexpected.push(error.message),
  })
  engine.server.listen(0, '127.0.0.1')
  await once(engine.server, 'listening')
  url = `http://127.0.0.1:${(engine.server.address() as AddressInfo).port}`
})
afterEach(() => {
  engine.server.closeAllConnections()
  engine.server.close()
})

const messages = [{ role: 'user', content: 'Hi' }]
const post = (path: string, body: unknown): Promise<Response> =>
  fetch(url + path, { method: 'POST', body: JSON.stringify(body) })
const chat = (changes: object = {}): Promise<Response> =>
  post('/v1/chat/completions', { messages, ...changes })
async function readChat(changes: object = {}): Promise<{ choices: any[]; usage: any }> {
  const response = await chat(changes)
  expect(response.status).toBe(200)
  return response.json() as Promise<{ choices: any[]; usage: any }>
}
async function readStream(response: Response): Promise<any[]> {
  const events = (await response.text()).split('\n\n').filter((event) => event !== '')
  expect(events.pop()).toBe('data: [DONE]')
  return events.map((event) => JSON.parse(event.slice('data: '.length)) as unknown)
}

describe('/health', () => {
  const ask = (prefer?: string): Promise<Response> =>
    fetch(`${url}/health`, { headers: prefer === undefined ? {} : { prefer } })

  it('answers who is ready to wait once it has loaded, others at once', async () => {
    isLoading = true
    const patient = ask('respond-async, wait=10')
    expect((await ask()).status).toBe(503)
    isLoading = false
    load.resolve()
    expect((await patient).status).toBe(200)
  })

  it('keeps nobody longer than they asked for', async () => {
    isLoading = true
    expect(await (await ask('wait=1')).json()).toMatchObject({ state: 'loading' })
  })
})

describe('chat completions', () => {
  it('give text, the reason of the end and usage', async () => {
    const { choices, usage } = await readChat()
    expect(choices).toMatchInlineSnapshot(`
      [
        {
          "finish_reason": "stop",
          "index": 0,
          "logprobs": null,
          "message": {
            "content": "Hello",
            "refusal": null,
            "role": "assistant",
          },
        },
      ]
    `)
    expect(usage).toMatchInlineSnapshot(`
      {
        "completion_tokens": 6,
        "prompt_tokens": 3,
        "prompt_tokens_details": {
          "cached_tokens": 0,
        },
        "total_tokens": 9,
      }
    `)
  })

  it('tell how much of a prompt was remembered', async () => {
    const conversation = [{ role: 'user', content: 'x'.repeat(100) }]
    await readChat({ messages: conversation })
    const { usage } = await readChat({ messages: conversation })
    expect(usage.prompt_tokens_details).toEqual({ cached_tokens: 100 })
  })

  it('make several answers, counting the prompt once', async () => {
    const { choices, usage } = await readChat({ n: 3 })
    expect(choices.map((choice) => [choice.index, choice.message.content])).toEqual([
      [0, 'Hello'],
      [1, 'Hello'],
      [2, 'Hello'],
    ])
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 18 })
  })

  it('stop at a stop string, in a stream too, and show nothing of it', async () => {
    answer = 'one END two'
    const { choices } = await readChat({ stop: ['END'] })
    expect(choices[0]).toMatchObject({ message: { content: 'one ' }, finish_reason: 'stop' })
    const chunks = await readStream(await chat({ stop: 'END', stream: true }))
    const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('')
    expect(text).toBe('one ')
    expect(chunks.at(-1).choices[0].finish_reason).toBe('stop')
  })

  it('never cut a character in two', async () => {
    answer = 'é😀漢'
    const chunks = await readStream(await chat({ stream: true }))
    const texts = chunks.map((chunk) => chunk.choices[0].delta.content).filter(Boolean)
    expect(texts).toEqual(['é', '😀', '漢'])
  })

  it('give log probabilities with as many rivals as asked for', async () => {
    const { choices } = await readChat({ logprobs: true, top_logprobs: 2, max_tokens: 1 })
    expect(choices[0].logprobs.content).toEqual([
      {
        token: 'H',
        logprob: Math.log(0.75),
        bytes: [72],
        top_logprobs: [
          { token: 'H', logprob: Math.log(0.75), bytes: [72] },
          { token: '\u0001', logprob: Math.log(0.25), bytes: [1] },
        ],
      },
    ])
  })

  it('turn what the model writes into tool calls', async () => {
    answer = 'Sure.<tool_call>{"name":"now","arguments":{"zone":"UTC"}}</tool_call>'
    const tools = [{ type: 'function', function: { name: 'now' } }]
    const { choices } = await readChat({ tools })
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'Sure.',
        tool_calls: [{ type: 'function', function: { name: 'now', arguments: '{"zone":"UTC"}' } }],
      },
    })
    const chunks = await readStream(await chat({ tools, stream: true }))
    const calls = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? [])
    expect(calls).toMatchObject([{ index: 0, id: expect.stringMatching(/^call_/) }])
    const { choices: untouched } = await readChat({ tools, tool_choice: 'none' })
    expect(untouched[0].finish_reason).toBe('stop')
  })

  it('refuse more tokens than the model holds, and never cut silently', async () => {
    for (const body of [
      { max_tokens: 398 },
      { messages: [{ role: 'user', content: 'x'.repeat(400) }] },
    ]) {
      const response = await chat(body)
      expect(response.status).toBe(400)
      const { error } = errorBody.parse(await response.json())
      expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' })
    }
    expect((await chat({ max_tokens: 397 })).status).toBe(200)
  })

  it('refuse with 503 and retry-after when the queue is full', async () => {
    const gate = Promise.withResolvers<void>()
    session.beforeStep = () => gate.promise
    waitingMax = 1
    const accepted = [chat(), chat(), chat()]
    // One runs; of the two that wait one has a sequence as soon as the step is over.
    await expect.poll(() => loop.state().waiting).toBe(2)
    const refused = await chat()
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(errorBody.parse(await refused.json()).error.code).toBe('engine/busy')
    session.beforeStep = () => Promise.resolve()
    gate.resolve()
    for (const response of await Promise.all(accepted)) expect(response.status).toBe(200)
  })

  it('say in the stream what went wrong after its head has left', async () => {
    session.beforeStep = () =>
      session.steps.length > 3 ? Promise.reject(new Error('lost the device')) : Promise.resolve()
    const response = await chat({ stream: true })
    expect(response.status).toBe(200)
    const text = await response.text()
    expect(text).toContain('lost the device')
    expect(text).not.toContain('[DONE]')
  })

  it('have a status where it went wrong before', async () => {
    session.beforeStep = () => Promise.reject(new Error('lost the device'))
    const response = await chat({ stream: true })
    expect(response.status).toBe(500)
    expect(unexpected).toHaveLength(1)
  })

  it.each([
    ['no messages', { messages: [] }, 'messages'],
    ['a role nobody knows', { messages: [{ role: 'king', content: '' }] }, 'messages.0.role'],
    ['a picture', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages'],
    ['a text as temperature', { temperature: 'hot' }, 'temperature'],
    ['a huge n', { n: 1e9 }, 'n'],
    ['five stop strings', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    ['an empty stop string', { stop: '' }, 'stop'],
    ['top_logprobs alone', { top_logprobs: 2 }, 'top_logprobs'],
    ['stream options without a stream', { stream_options: {} }, 'stream_options'],
    ['a bias on no token', { logit_bias: { 999: 1 } }, 'logit_bias'],
    [
      'a tool that is not there',
      { tool_choice: { type: 'function', function: { name: 'x' } } },
      'tool_choice',
    ],
    ['what would change the answer', { guided_regex: 'a+' }, 'guided_regex'],
    [
      'a schema it cannot hold to',
      { response_format: { type: 'json_schema', json_schema: { schema: { pattern: 'a' } } } },
      'response_format',
    ],
  ])('refuse %s, naming the parameter', async (_, body, param) => {
    const response = await chat(body)
    expect(response.status).toBe(400)
    const { error } = errorBody.parse(await response.json())
    expect(error).toMatchObject({ type: 'invalid_request_error', param })
  })

  it('ignore parameters nobody knows, and neutral ones they do not have', async () => {
    await readChat({ user: 'me', store: false, min_tokens: 0, functions: [], verbosity: 'low' })
  })

  it('survive any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.constantFrom('/v1/chat/completions', '/v1/completions'),
        async (value, path) => {
          const response = await post(path, value)
          await response.text()
          expect([200, 400]).toContain(response.status)
        },
      ),
      { numRuns: 60 },
    )
    expect(unexpected).toEqual([])
  })
})

describe('completions', () => {
  const complete = async (body: object): Promise<any> =>
    (await post('/v1/completions', { prompt: 'Go|', ...body })).json()

  it('take texts and tokens, one or many', async () => {
    const prompts = [
      'Go|',
      ['Go|', 'On|'],
      [71, 111, 124],
      [
        [71, 124],
        [72, 124],
      ],
    ]
    const made = await Promise.all(prompts.map((prompt) => complete({ prompt, max_tokens: 2 })))
    expect(made.map((one) => one.choices.map((choice: any) => choice.text))).toEqual([
      ['He'],
      ['He', 'He'],
      ['He'],
      ['He', 'He'],
    ])
    expect(made[1].usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 4 })
  })

  it('echo the prompt with the probabilities of its tokens', async () => {
    const { choices } = await complete({ echo: true, logprobs: 1, max_tokens: 1 })
    expect(choices[0].text).toBe('Go|H')
    expect(choices[0].logprobs.tokens).toEqual(['G', 'o', '|', 'H'])
    expect(choices[0].logprobs.token_logprobs[0]).toBeNull()
    expect(choices[0].logprobs.text_offset).toEqual([0, 1, 2, 3])
  })

  it('score a prompt without making a token', async () => {
    const { choices, usage } = await complete({ echo: true, logprobs: 0, max_tokens: 0 })
    expect(choices[0].text).toBe('Go|')
    expect(usage.completion_tokens).toBe(0)
  })

  it('refuse a token the model lacks, and a suffix', async () => {
    expect(await complete({ prompt: [300] })).toMatchObject({ error: { param: 'prompt' } })
    expect(await complete({ suffix: 'x' })).toMatchObject({ error: { param: 'suffix' } })
  })
})

describe('every path', () => {
  it.each([
    ['GET', '/v1/nothing', 404, 'request/unknown-path'],
    ['GET', '/v1/chat/completions', 405, 'request/wrong-method'],
    ['POST', '/health', 405, 'request/wrong-method'],
    ['POST', '/v1/embeddings', 400, 'gateway/wrong-task'],
  ])('%s %s answers %i', async (method, path, status, code) => {
    const response = await fetch(url + path, {
      method,
      ...(method === 'POST' ? { body: '{"input":"x"}' } : {}),
    })
    expect(response.status).toBe(status)
    expect(errorBody.parse(await response.json()).error.code).toBe(code)
  })

  it('refuses a body that is no UTF-8', async () => {
    const body = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
    const response = await fetch(`${url}/v1/completions`, { method: 'POST', body })
    expect(errorBody.parse(await response.json()).error.code).toBe('request/not-json')
  })

  it('refuses a body over the limit and stops reading it', async () => {
    const body = new Blob(Array.from({ length: 65 }, () => new Uint8Array(2 ** 20)))
    const status = await fetch(`${url}/v1/completions`, { method: 'POST', body }).then(
      (response) => response.status,
      () => 413, // the socket was closed while the body was still on its way
    )
    expect(status).toBe(413)
  })
})
