import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { serve, until, type Serving } from './serving.ts'

const model = 'minimind2-small'

/** Sends chats one after another, half of them streamed, and keeps the ids of those fully answered. */
function startClient(serving: Serving, seed: number) {
  const random = createRandom(seed)
  const answered: string[] = []
  const failures: string[] = []
  let isStopped = false
  const run = async () => {
    while (!isStopped) {
      try {
        const response = await fetch(`${serving.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${serving.key}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            model,
            messages: [
              { role: 'user', content: `Tell me about number ${Math.floor(random() * 1000)}.` },
            ],
            max_tokens: 1 + Math.floor(random() * 40),
            stream: random() < 0.5,
          }),
          signal: AbortSignal.timeout(60_000),
        })
        const text = await response.text()
        const isWhole = text.includes('[DONE]') || text.trimEnd().endsWith('}')
        if (response.status === 200 && isWhole && !text.includes('"error":{'))
          answered.push(response.headers.get('x-request-id') ?? 'none')
        else failures.push(`${response.status} ${text.slice(-200)}`)
      } catch (thrown) {
        failures.push(String(thrown))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  const running = run()
  return {
    answered,
    failures,
    async stop() {
      isStopped = true
      await running
    },
  }
}

describe('kill -9 at random moments under load', () => {
  let serving: Serving

  beforeAll(async () => {
    serving = await serve({ config: { gateway: { processes: 2 } } })
    await until('the model answers', async () => {
      const answer = await serving.openai().chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'Hi' }],
        max_tokens: 2,
      })
      return answer.choices.length === 1
    })
  }, 120_000)
  afterAll(() => serving?.close(), 60_000)

  it('brings service back, loses no record and no acknowledged change, leaves nothing behind', async () => {
    const random = createRandom(20261123)
    const clients = [1, 2, 3].map((seed) => startClient(serving, seed))
    const acknowledged: string[] = []
    const rounds = [
      ['replica'],
      ['gateway'],
      ['control'],
      ['replica', 'gateway', 'control'],
    ] as const

    for (const [round, roles] of rounds.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 300 + random() * 1200))
      const name = `kept-${round}`
      const created = await serving.api('POST', '/keys', { name })
      expect(created.status).toBe(201)
      acknowledged.push(name)
      for (const role of roles)
        for (const pid of role === 'gateway' ? serving.pids(role).slice(0, 1) : serving.pids(role))
          process.kill(pid, 'SIGKILL')

      const before = clients.reduce((sum, client) => sum + client.answered.length, 0)
      await until(
        `service is back after the end of ${roles.join(', ')}`,
        () => clients.reduce((sum, client) => sum + client.answered.length, 0) >= before + 6,
        30_000,
      )
      await until(
        'control answers',
        async () => (await serving.api('GET', '/status')).status === 200,
      )
    }
    await Promise.all(clients.map((client) => client.stop()))

    const answered = clients.flatMap((client) => client.answered)
    expect(answered.length).toBeGreaterThan(24)
    expect(new Set(answered).size).toBe(answered.length)
    await until('every answered request is in the books', async () => {
      const response = await serving.api('GET', '/requests?limit=1000')
      const { requests } = (await response.json()) as {
        requests: { id: string; outcome: string }[]
      }
      const known = new Set(requests.filter(({ outcome }) => outcome === 'ok').map(({ id }) => id))
      const missing = answered.filter((id) => !known.has(id))
      if (missing.length > 0)
        throw new Error(`missing ${missing.length} of ${answered.length}: ${missing[0]}`)
      return true
    })
    const { keys } = (await (await serving.api('GET', '/keys')).json()) as {
      keys: { name: string }[]
    }
    expect(keys.map(({ name }) => name)).toEqual(expect.arrayContaining(acknowledged))
    expect(serving.pids('replica')).toHaveLength(2)
    expect(serving.pids('control')).toHaveLength(1)
    await until('both gateways run', () => serving.pids('gateway').length === 2)
  }, 180_000)

  it('takes every process along when the supervisor itself is killed', async () => {
    serving.supervisor.kill('SIGKILL')
    await until(
      'gateways, control and engines have ended by themselves',
      () =>
        (['gateway', 'control', 'replica'] as const).every(
          (role) => serving.pids(role).length === 0,
        ),
      60_000,
    )
  })
})

describe('a supervisor that comes back', () => {
  it('adopts the engines of the one before it, and answers again', async () => {
    const first = await serve()
    const key = first.key
    const ask = (serving: Serving) =>
      serving.openai(key).chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        max_tokens: 24,
        temperature: 0,
      })
    await ask(first)
    await until('both engines run', () => first.pids('replica').length === 2)
    const engines = first.pids('replica').toSorted((a, b) => a - b)
    first.supervisor.kill('SIGKILL')
    const second = await serve({ dataDirectory: first.dataDirectory, port: first.port })
    try {
      expect((await ask(second)).choices[0]?.message.content).toContain('Paris')
      expect(second.pids('replica').toSorted((a, b) => a - b)).toEqual(engines)
      expect(second.terminal()).not.toContain(key)
    } finally {
      await second.close()
    }
  }, 120_000)
})

describe('SIGTERM', () => {
  it('lets streams in flight finish, then leaves nothing behind', async () => {
    const serving = await serve()
    try {
      const stream = await serving.openai().chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'Write a story about a whale.' }],
        max_tokens: 600,
        stream: true,
        stream_options: { include_usage: true },
        logit_bias: { 2: -100 },
      })
      let chunks = 0
      let completionTokens = 0
      for await (const chunk of stream) {
        if (chunks++ === 3) serving.supervisor.kill('SIGTERM')
        completionTokens = chunk.usage?.completion_tokens ?? completionTokens
      }
      expect(completionTokens).toBe(600)
      await serving.stop()
    } finally {
      await serving.close()
    }
  }, 120_000)
})
