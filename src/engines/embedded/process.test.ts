import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { prepareBundled } from '../../models/bundled/prepare.ts'
import { engineContract } from '../engine.contract.ts'
import { embeddedEngine } from './embedded.ts'

/** The real program with the real bundled models. */

// Real models on two busy cores.

interface Running {
  readonly url: string
  readonly child: ChildProcess
  /** What it wrote to stderr. */
  errors(): string
}

const started: ChildProcess[] = []
let directory: string
let chatModel: string
let embeddingModel: string
let generate: Running
let embed: Running

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-engine-'))
  const models = join(tmpdir(), 'baleen-test-models')
  chatModel = await prepareBundled('minimind2-small', models)
  embeddingModel = await prepareBundled('all-minilm-l6-v2', models)
  ;[generate, embed] = await Promise.all([
    launch(chatModel, 'generate'),
    launch(embeddingModel, 'embed'),
  ])
  await Promise.all([untilReady(generate), untilReady(embed)])
}, 180_000)

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

engineContract('the embedded engine', embeddedEngine, (task) =>
  Promise.resolve(task === 'embed' ? embed : generate),
)

describe('the bundled chat model', () => {
  const ask = (text: string, changes: object = {}): Promise<any> =>
    postJson(generate, '/v1/chat/completions', {
      messages: [{ role: 'user', content: text }],
      temperature: 0,
      max_tokens: 60,
      ...changes,
    })

  it('knows the capital of France', async () => {
    const answer = await ask('What is the capital of France?')
    expect(answer.choices[0].message.content).toContain('Paris')
    expect(answer.choices[0].finish_reason).toBe('stop')
  })

  it('says the same again for the same seed, and something else for another', async () => {
    const say = async (seed: number): Promise<string> =>
      (await ask('Tell me a story', { seed, temperature: 1, top_k: 0, min_p: 0 })).choices[0]
        .message.content
    const [first, again, other] = [await say(1), await say(1), await say(2)]
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  it('remembers the conversation so far', async () => {
    const opening = { role: 'user', content: 'My name is Ishmael. '.repeat(10) }
    const first = await postJson(generate, '/v1/chat/completions', {
      messages: [opening],
      max_tokens: 10,
    })
    const second = await postJson(generate, '/v1/chat/completions', {
      messages: [opening, first.choices[0].message, { role: 'user', content: 'Go on' }],
      max_tokens: 5,
    })
    expect(second.usage.prompt_tokens_details.cached_tokens).toBeGreaterThanOrEqual(
      first.usage.prompt_tokens,
    )
  })

  it('starts a raw prompt with the token that starts every chat', async () => {
    const answer = await postJson(generate, '/v1/completions', {
      prompt: 'The sky',
      echo: true,
      logprobs: 0,
      max_tokens: 1,
    })
    const { tokens } = answer.choices[0].logprobs
    expect(tokens.slice(0, -1).join('')).toBe('The sky')
    expect(tokens[0]).toBe('')
  })

  it('holds to a JSON schema', async () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 10 },
        kind: { enum: ['whale', 'ship'] },
        seen: { type: ['integer', 'null'] },
        parts: { type: 'array', items: { $ref: '#/$defs/part' }, minItems: 1, maxItems: 2 },
      },
      required: ['name', 'kind', 'parts'],
      $defs: { part: { type: 'object', properties: { 'a "b"': { type: 'boolean' } } } },
    }
    const answer = await ask('Describe a whale', {
      response_format: { type: 'json_schema', json_schema: { name: 'whale', schema } },
      max_tokens: 300,
      temperature: 0.8,
      seed: 1,
    })
    const value = JSON.parse(answer.choices[0].message.content)
    expect(['whale', 'ship']).toContain(value.kind)
    expect(value.parts.length).toBeGreaterThanOrEqual(1)
  })

  it('calls a tool where it has to', async () => {
    const parameters = {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 20 } },
      required: ['city'],
    }
    const answer = await ask('How is the weather in Oslo?', {
      tools: [{ type: 'function', function: { name: 'weather', parameters } }],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      max_tokens: 200,
    })
    const [call] = answer.choices[0].message.tool_calls
    expect(call.function.name).toBe('weather')
    expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) })
  })

  it('bans and forces tokens by their bias', async () => {
    const { choices } = await postJson(generate, '/v1/completions', {
      prompt: 'A',
      max_tokens: 4,
      temperature: 0,
      logit_bias: { 42: 100 },
    })
    expect(choices[0].text).toBe('HHHH')
  })

  it('answers many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => ask('What is the capital of France?')),
    )
    for (const answer of answers) expect(answer.choices[0].message.content).toContain('Paris')
  })
})

describe('the bundled embedding model', () => {
  it('puts like to like', async () => {
    const input = ['The cat sat on the mat', 'A kitten rests on a rug', 'Interest rates rose again']
    const { data } = await postJson(embed, '/v1/embeddings', { input })
    const dot = (a: number[], b: number[]): number =>
      a.reduce((sum, value, index) => sum + value * b[index]!, 0)
    const [cat, kitten, rates] = data.map((one: any) => one.embedding)
    expect(dot(cat, cat)).toBeCloseTo(1, 5)
    expect(dot(cat, kitten)).toBeGreaterThan(dot(cat, rates) + 0.2)
  })

  it('refuses a text that is too long rather than cutting it', async () => {
    const answer = await postJson(embed, '/v1/embeddings', { input: 'word '.repeat(600) }, 400)
    expect(answer.error.code).toBe('context_length_exceeded')
  })

  it('shortens vectors on request', async () => {
    const { data } = await postJson(embed, '/v1/embeddings', { input: 'a cat', dimensions: 16 })
    expect(data[0].embedding).toHaveLength(16)
  })
})

describe('the engine process', () => {
  it.each([
    ['cut short', async (path: string) => truncate(path, 0.7)],
    ['cut short in its head', async (path: string) => truncate(path, 0.0001)],
    ['garbage', async (path: string) => writeFile(path, Buffer.alloc(5000, 'no model'))],
    ['missing', async () => {}],
  ])('says why and ends where the model file is %s', async (_, make) => {
    const path = join(directory, `${Math.random()}.gguf`)
    await make(path)
    const engine = await launch(path, 'generate')
    const exited = once(engine.child, 'exit')
    const reason = await vi.waitFor(
      async () => {
        const health = await readHealth(engine)
        expect(health.state).toBe('failed')
        return health.reason
      },
      { timeout: 60_000, interval: 50 },
    )
    expect(reason).toContain(path)
    expect((await exited)[0]).toBe(1)
    expect(engine.errors()).toMatch(/^engine\/bad-model: [^\n]+\n$/)
  })

  it('does not generate with a model that only embeds', async () => {
    const engine = await launch(embeddingModel, 'generate')
    expect((await once(engine.child, 'exit'))[0]).toBe(1)
    expect(engine.errors()).toMatch(/^engine\/bad-model: .*task: embed/)
  })

  it('says so where the port is taken', async () => {
    const { port } = new URL(generate.url)
    const engine = await launch(chatModel, 'generate', Number(port))
    expect((await once(engine.child, 'exit'))[0]).toBe(1)
    expect(engine.errors()).toMatch(/^machine\/port-busy: /)
  })

  it('finishes what is in flight on SIGTERM, takes nothing new, and ends with 0', async () => {
    const engine = await launch(chatModel, 'generate')
    await untilReady(engine)
    const body = { prompt: 'Once', max_tokens: 300, stream: true, ignore_eos: true }
    const response = await post(engine, '/v1/completions', body)
    const exited = once(engine.child, 'exit')
    engine.child.kill('SIGTERM')
    await expect
      .poll(async () => (await post(engine, '/v1/completions', body)).status, { timeout: 60_000 })
      .toBe(503)
    expect(await response.text()).toContain('[DONE]')
    expect((await exited)[0]).toBe(0)
  })
})

async function truncate(path: string, share: number): Promise<void> {
  await copyFile(chatModel, path)
  const file = await open(path, 'r+')
  await file.truncate(Math.floor((await stat(path)).size * share))
  await file.close()
}

async function launch(
  modelPath: string,
  task: 'generate' | 'embed',
  port?: number,
): Promise<Running> {
  const deployment = deploymentSpec.parse({
    name: 'bundled',
    model: modelPath,
    task,
    settings: { sequencesMax: 4, contextTokens: 'auto' },
  })
  const host = '127.0.0.1'
  const spec = { id: 'rep_1', deployment, modelPath, host, port: port ?? (await freePort()) }
  const { argv, env } = embeddedEngine.launch(spec)
  const child = spawn(process.execPath, argv.slice(1), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  started.push(child)
  let errors = ''
  child.stderr!.on('data', (chunk) => (errors += String(chunk)))
  return { url: `http://${host}:${spec.port}`, child, errors: () => errors }
}

async function untilReady(engine: Running): Promise<void> {
  await vi.waitFor(async () => expect((await readHealth(engine)).state).toBe('ready'), {
    timeout: 60_000,
    interval: 50,
  })
}

async function readHealth({ url }: Running): Promise<{ state: string; reason: string }> {
  const response = await fetch(`${url}/health`).catch(() => null)
  return response
    ? embeddedEngine.readHealth(response.status, await response.text())
    : { state: 'unreachable', reason: '' }
}

const post = ({ url }: Running, path: string, body: object): Promise<Response> =>
  fetch(url + path, { method: 'POST', body: JSON.stringify(body) })

async function postJson(engine: Running, path: string, body: object, status = 200): Promise<any> {
  const response = await post(engine, path, body)
  const text = await response.text()
  expect(response.status, text).toBe(status)
  return JSON.parse(text)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
