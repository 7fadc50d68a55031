import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serve, until, type Serving } from './serving.ts'

const model = 'sleepy'
const deployment = {
  name: model,
  model: 'bundled:minimind2-small',
  settings: { threads: 1, contextTokens: 512 },
  scaling: { min: 0, max: 1, idleToZero: '2s', wakeDeadline: '60s' },
}

describe('a model that sleeps while nobody asks', { timeout: 120_000 }, () => {
  let serving: Serving

  beforeAll(async () => {
    serving = await serve({ config: { deployments: [deployment] } })
  }, 120_000)
  afterAll(() => serving?.close(), 60_000)
  beforeEach(async () => {
    await until('its engine has ended', () => serving.pids('replica').length === 0)
    await until('it is said to sleep', async () => (await status()).includes('asleep'))
  }, 120_000)

  const status = async (): Promise<string> => {
    const answer = await serving.api('GET', `/deployments/${model}`)
    return ((await answer.json()) as { status: string }).status
  }
  const ask = (changes: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${serving.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${serving.key}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        max_tokens: 8,
        ...changes,
      }),
    })
  /** Stops the engine that is being started, so that its model takes long to load. */
  const holdBack = async (): Promise<number> => {
    let pid: number | undefined
    await until('an engine is started', () => {
      pid = serving.pids('replica')[0]
      return pid !== undefined
    })
    process.kill(pid!, 'SIGSTOP')
    return pid!
  }

  it('wakes for a request, which waits for it', async () => {
    const response = await ask({})
    expect(response.status).toBe(200)
    expect(response.headers.get('server-timing')).toMatch(/^hold;dur=[1-9]/)
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
    expect(choices[0]?.message.content).not.toBe('')
  })

  it('wakes once for many', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask({})))
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200))
    await Promise.all(answers.map((answer) => answer.arrayBuffer()))
    expect(serving.pids('replica')).toHaveLength(1)
  })

  it('gives a stream signs of life until it has loaded, then its tokens', async () => {
    const asked = ask({ stream: true, stream_options: { include_usage: true } })
    const pid = await holdBack()
    const response = await asked // the head comes with the first sign of life
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    await delay(1000)
    process.kill(pid, 'SIGCONT')
    const lines = (await response.text()).split('\n').filter((line) => line !== '')
    const [first] = lines
    expect(first).toMatch(/^: waiting: /)
    const comments = lines.findIndex((line) => line.startsWith('data:'))
    expect(lines.slice(0, comments).every((line) => line.startsWith(': waiting: '))).toBe(true)
    expect(lines.slice(comments).every((line) => line.startsWith('data: '))).toBe(true)
    expect(lines.at(-1)).toBe('data: [DONE]')
    const usage = lines.map((line) => /"completion_tokens":(\d+)/.exec(line)?.[1]).find(Boolean)
    expect(Number(usage)).toBeGreaterThan(0)
  })

  it('lets a request go at its deadline, with a reason, and serves the next', async () => {
    const asked = ask({}, { 'x-baleen-timeout-ms': '1500' })
    const pid = await holdBack()
    const response = await asked
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      error: { code: 'gateway/no-ready-replica', message: expect.stringContaining(model) },
    })
    process.kill(pid, 'SIGCONT')
    expect((await ask({})).status).toBe(200)
  })

  it('wakes although control dies while the request waits', async () => {
    const asked = ask({ stream: true })
    for (const pid of serving.pids('control')) process.kill(pid, 'SIGKILL')
    const text = await (await asked).text()
    expect(text).toContain('data: [DONE]')
    await until('control answers', async () => (await serving.api('GET', '/status')).ok)
  })
})
