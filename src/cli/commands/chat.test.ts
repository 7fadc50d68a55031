import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  deploymentOf,
  fail,
  runCommand,
  startFakeControl,
  type FakeControl,
} from '../cli.fixture.ts'
import { partsOf } from '../gateway-client.ts'

let control: FakeControl
let gateway: ReturnType<typeof createServer>
let gatewayUrl: string
let handle: (
  request: IncomingMessage,
  response: ServerResponse,
  body: Record<string, unknown>,
) => void
const asked: { key: string | undefined; body: Record<string, unknown> }[] = []

const line = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const piece = (content: string) => line({ choices: [{ delta: { content } }] })
const usage = line({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } })

beforeAll(async () => {
  control = await startFakeControl()
  gateway = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
    asked.push({ key: request.headers.authorization, body })
    handle(request, response, body)
  })
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
})
afterAll(async () => {
  await control.close()
  gateway.closeAllConnections()
  gateway.close()
  rmSync(control.dataDirectory, { recursive: true })
})
beforeEach(() => {
  asked.length = 0
  control.calls.length = 0
  handle = (_, response) => response.end(`${piece('Hel')}${piece('lo')}${usage}data: [DONE]\n\n`)
})

const chat = (argv: readonly string[], stdin?: string) =>
  runCommand(['chat', '--gateway', gatewayUrl, '--key', 'bln_given', ...argv], {
    variables: { BALEEN_DATA: control.dataDirectory },
    ...(stdin === undefined ? {} : { stdin }),
  })

describe('chat', () => {
  it('answers one prompt: the answer on stdout, the speed on stderr', async () => {
    const { code, stdout, stderr } = await chat(['-m', 'tiny', '-s', 'Be brief.', 'Say', 'hello'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello\n' })
    expect(stderr).toMatch(/2 tokens · first token after \d+ ms/)
    expect(asked[0]).toMatchObject({
      key: 'Bearer bln_given',
      body: {
        model: 'tiny',
        stream: true,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Say hello' },
        ],
      },
    })
    expect(control.calls).toEqual([])
  })

  it('takes the prompt from a pipe, alone or after words and a dash', async () => {
    await chat(['tiny'], 'piped\n')
    await chat(['-m', 'tiny', 'Sum up:', '-'], 'piped\n')
    await chat(['-m', 'tiny', 'Only this'], 'ignored')
    expect(
      asked.map(({ body }) => (body['messages'] as { content: string }[])[0]?.content),
    ).toEqual(['piped', 'Sum up:\n\npiped', 'Only this'])
    expect((await chat(['tiny'], '')).code).toBe(2)
  })

  it('tells the pace of an answer that takes a while', async () => {
    handle = (_, response) => {
      response.write(piece('Hel'))
      setTimeout(() => response.end(`${piece('lo')}${usage}`), 1000)
    }
    const { stderr } = await chat(['-m', 'tiny', 'Hi'])
    expect(stderr).toMatch(/2 tokens · [\d.]+ tok\/s · first token after \d+ ms/)
  })

  it('takes a single word for a model, and several for a prompt', async () => {
    await chat(['tiny', 'What', 'now?'])
    control.routes.set('GET /api/v1/deployments', () => ({
      deployments: [deploymentOf({ name: 'small' })],
    }))
    await chat(['What now?'])
    expect(asked.map(({ body }) => [body['model'], body['messages']])).toEqual([
      ['tiny', [{ role: 'user', content: 'What now?' }]],
      ['small', [{ role: 'user', content: 'What now?' }]],
    ])
  })

  it('takes a first word for a prompt where no model has that name', async () => {
    control.routes.set('GET /api/v1/deployments', () => ({
      deployments: [deploymentOf({ name: 'small' })],
    }))
    const prompts: unknown[] = []
    control.routes.set('POST /v1/chat/completions', (_, body, response) => {
      prompts.push(body)
      response.end(piece('Hi'))
    })
    const say = (...words: string[]) =>
      runCommand(['chat', '--key', control.token, ...words], {
        variables: { BALEEN_DATA: control.dataDirectory },
      })
    expect(await say('Hello')).toMatchObject({ code: 0, stdout: 'Hi\n' })
    expect(await say('small', 'Hello')).toMatchObject({ code: 0 })
    const asks = { model: 'small', messages: [{ role: 'user', content: 'Hello' }] }
    expect(prompts).toMatchObject([asks, asks])
    const { code, stderr } = await say('smal', 'Hello')
    expect(code).toBe(3)
    expect(stderr).toContain('there is no model "smal"\nhint: Did you mean small?')
  })

  it('deletes the key that it made after Ctrl-C too', async () => {
    const view = { id: 'key_2', name: 'baleen chat', prefix: 'bln_', routes: null, isAdmin: false }
    const limits = { requestsPerMinute: null, tokensPerMinute: null, expiresAtMs: null }
    const key = { key: 'bln_made', view: { ...view, ...limits, createdAtMs: 0 } }
    control.routes.set('POST /api/v1/keys', () => key)
    control.routes.set('DELETE /api/v1/keys/key_2', () => ({}))
    handle = (_, response) => response.write(piece('Hel'))
    const interrupt = new AbortController()
    const { code } = await runCommand(['chat', '--gateway', gatewayUrl, '-m', 'tiny', 'Hi'], {
      variables: { BALEEN_DATA: control.dataDirectory },
      interrupt: interrupt.signal,
      onOutput: () => interrupt.abort(),
    })
    expect(code).toBe(130)
    expect(control.calls.at(-1)).toMatchObject({ method: 'DELETE', path: '/api/v1/keys/key_2' })
  })

  it('gives JSON', async () => {
    expect(JSON.parse((await chat(['-m', 'tiny', 'Hi', '--json'])).stdout)).toEqual({
      model: 'tiny',
      text: 'Hello',
      usage: { promptTokens: 5, completionTokens: 2 },
    })
  })

  it('finds gateway and model itself, and makes a key that it removes again', async () => {
    const view = {
      id: 'key_1',
      name: 'baleen chat',
      prefix: 'bln_',
      routes: null,
      isAdmin: false,
      requestsPerMinute: null,
      tokensPerMinute: null,
      expiresAtMs: null,
      createdAtMs: 0,
    }
    control.routes.set('GET /api/v1/deployments', () => ({
      deployments: [
        deploymentOf({ name: 'vectors', task: 'embed' }),
        deploymentOf({ name: 'small', route: 'team/small' }),
      ],
    }))
    control.routes.set('POST /api/v1/keys', () => ({ key: 'bln_made', view }))
    control.routes.set('DELETE /api/v1/keys/key_1', () => ({}))
    let refusals = 2
    handle = (_, response) => {
      // Gateways learn of a new key a moment later.
      if (refusals-- > 0) fail(response, 401, 'invalid_api_key', 'no such key')
      else response.end(piece('Hi'))
    }
    const { code, stdout } = await runCommand(['chat', '--gateway', gatewayUrl], {
      variables: { BALEEN_DATA: control.dataDirectory },
      stdin: 'Hello',
    })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hi\n' })
    expect(asked.at(-1)).toMatchObject({ key: 'Bearer bln_made', body: { model: 'team/small' } })
    expect(control.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/v1/deployments',
      'POST /api/v1/keys',
      'DELETE /api/v1/keys/key_1',
    ])
  })

  it.each([
    [401, 'invalid_api_key', 4, 'key/unknown'],
    [404, 'model_not_found', 3, 'gateway/unknown-model'],
    [429, null, 1, 'limit/requests'],
    [503, 'gateway/no-ready-replica', 1, 'gateway/no-ready-replica'],
  ])('says why the gateway refused with %i', async (status, code, exitCode, told) => {
    handle = (_, response) => fail(response, status, code as string, 'because')
    const { code: ended, stderr } = await chat(['-m', 'tiny', 'Hi'])
    expect(ended).toBe(exitCode)
    expect(stderr).toContain(`error: ${told}: because`)
  })

  it('ends with an error where the stream breaks off', async () => {
    handle = (_, response) => {
      response.write(piece('Hel'))
      setTimeout(() => response.destroy(), 20)
    }
    expect(await chat(['-m', 'tiny', 'Hi'])).toMatchObject({ code: 6, stdout: 'Hel' })
    handle = (_, response) => response.end(`${piece('Hel')}${line({ error: { message: 'died' } })}`)
    expect((await chat(['-m', 'tiny', 'Hi'])).stderr).toContain('gateway/upstream-failed: died')
  })
})

describe('partsOf', () => {
  it('reads what a stream may hold', () => {
    const parts = (text: string) => [...partsOf(text)]
    expect(parts('')).toEqual([])
    expect(parts(': ping')).toEqual([])
    expect(parts('data: [DONE]')).toEqual([])
    expect(parts('data:{"choices":[{"delta":{"content":"x"}}]}')).toEqual([
      { kind: 'text', text: 'x' },
    ])
    expect(parts('data: {"choices":[{"delta":{"role":"assistant"}}],"usage":null}')).toEqual([])
    expect(() => parts('data: {"cut')).toThrow('broken line')
  })
})
