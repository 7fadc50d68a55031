import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { serve, until, type Serving } from './serving.ts'

/** An 8B model on one H100, played by the simulated engine; a change of settings takes over in one step. */
const spec = (changes: object = {}) => ({
  name: 'chat',
  model: 'llama-3.1-8b',
  engine: 'simulated',
  hardware: 'h100',
  settings: { sequencesMax: 64 },
  slo: { 'ttft.p95': '2s', 'tpot.p95': '100ms' },
  rollout: { steps: [{ share: 0.5, bakeTime: '8s' }], gate: { requests: 60 } },
  ...changes,
})

describe('baleen ci', () => {
  let serving: Serving
  let isOver = false
  let clients: Promise<void>[] = []

  beforeAll(async () => {
    serving = await serve({ config: { deployments: [] } })
    const created = await serving.api('PUT', '/deployments/chat', spec())
    expect(created.status, await created.text()).toBe(201)
    await until('it serves', async () => (await ask()) === 200)
    // A canary is judged by the traffic that there is.
    clients = Array.from({ length: 12 }, async () => {
      while (!isOver) if ((await ask().catch(() => 0)) !== 200) await delay(50)
    })
  }, 120_000)
  afterAll(async () => {
    isOver = true
    await Promise.all(clients)
    await serving?.close()
  })

  const ask = async (): Promise<number> => {
    const response = await fetch(`${serving.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${serving.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'chat',
        messages: [{ role: 'user', content: `${Math.random()} ${'and one more '.repeat(150)}` }],
        max_tokens: 4,
      }),
    })
    await response.arrayBuffer()
    return response.status
  }
  const ci = (change: object, ...flags: readonly string[]) => {
    const file = join(serving.dataDirectory, 'chat.yaml')
    writeFileSync(file, stringify(change))
    return serving.baleen('ci', file, '--rate', '5', '--duration', '4s', ...flags)
  }
  const revisions = async () => {
    const answer = await serving.api('GET', '/deployments/chat/revisions')
    return ((await answer.json()) as { revisions: { revision: number; why: string }[] }).revisions
  }
  const serves = async (): Promise<{ revision: number; spec: { settings: object } }> =>
    (await (await serving.api('GET', '/deployments/chat')).json()) as never

  it('has nothing to do where nothing differs', async () => {
    const { code, stderr } = await ci(spec())
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing differs'),
    })
  })

  it('says which line is wrong, and ends with 1', async () => {
    const { code, stderr } = await ci({ ...spec(), replicas: 'two' })
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/chat\.yaml.*replicas/s),
    })
    expect(await revisions()).toHaveLength(1)
  })

  it('brings a good change into service: rehearsal, canary, promotion', async () => {
    const good = spec({ settings: { sequencesMax: 128 } })
    const { code, stdout, stderr } = await ci(good, '--why', 'abc123 by ant')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toMatch(/sequencesMax +64 → 128/)
    expect(stderr).toContain('kept what is promised')
    expect(await serves()).toMatchObject({
      revision: 2,
      rollout: null,
      spec: { settings: { sequencesMax: 128 } },
    })
    expect((await revisions())[0]).toMatchObject({ revision: 2, why: 'abc123 by ant' })
    // The rehearsal has left nothing behind.
    const { deployments } = (await (await serving.api('GET', '/deployments')).json()) as {
      deployments: { spec: { name: string } }[]
    }
    expect(deployments.map((one) => one.spec.name)).toEqual(['chat'])
  }, 120_000)

  it('stops at the plan what the hardware can not keep, before anything starts', async () => {
    const before = await serves()
    const { code, stderr } = await ci(spec({ slo: { 'ttft.p95': '1ms' } }))
    expect({ code, stderr }).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(
        /3 · chat: ttft\.p95 ≤ 1 ms is below what these devices can do/,
      ),
    })
    expect(stderr).not.toContain('4 · ')
    expect((await serves()).revision).toBe(before.revision)
  }, 120_000)

  it('stops at the rehearsal what the settings do not keep', async () => {
    const before = await serves()
    // The hardware could, but one request at a time is too little.
    const slo = { 'ttft.p95': '500ms' }
    const { code, stderr } = await ci(spec({ slo, settings: { sequencesMax: 1 } }))
    expect({ code, stderr }).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/4 · chat: ttft\.p95 is .*, promised 500ms/),
    })
    expect((await serves()).revision).toBe(before.revision)
    expect((await serving.api('GET', '/deployments/chat-rehearsal')).status).toBe(404)
  }, 120_000)

  it('rolls back what only the canary finds out', async () => {
    const before = await serves()
    // The same model on a device with a tenth of the bandwidth.
    const { code, stderr } = await ci(spec({ hardware: 't4:2' }), '--no-plan', '--no-rehearsal')
    expect({ code, stderr }).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/deployment\/rolled-back: .*answers in one piece after/),
    })
    const after = await serves()
    expect(after.spec).toEqual(before.spec)
    expect(await ask()).toBe(200)
  }, 180_000)
})
