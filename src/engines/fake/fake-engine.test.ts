import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embeddedEngine } from '../embedded/embedded.ts'
import { engineContract } from '../engine.contract.ts'
import { startFakeEngine, type FakeEngine } from './fake-engine.ts'

describe('fake engine', () => {
  let fake: FakeEngine
  beforeAll(async () => {
    const tokens = Array.from({ length: 500 }, (_, index) => ` word${index}`)
    fake = await startFakeEngine({ tokens, delayMs: 2 })
  })
  afterAll(() => fake.close())

  // The embedded engine's adapter reads the fake too: it speaks the same health and metrics.
  engineContract('the fake', embeddedEngine, () => Promise.resolve(fake))

  it('remembers what it was asked and how that ended', async () => {
    const own = await startFakeEngine({ breakAfterTokens: 1 })
    const body = JSON.stringify({ messages: [], stream: true })
    await fetch(`${own.url}/v1/chat/completions`, { method: 'POST', body })
      .then((response) => response.text())
      .catch(() => 'broken off')
    await expect.poll(() => own.requests[0]?.state).toBe('aborted')
    expect(own.requests[0]).toMatchObject({ path: '/v1/chat/completions', tokensSent: 1 })
    await own.close()
  })

  it('refuses, loads and fails as told', async () => {
    const own = await startFakeEngine({ refusal: { status: 503 } })
    const response = await fetch(`${own.url}/v1/completions`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(503)
    for (const health of ['loading', 'ready', 'failed'] as const) {
      own.behaviour.health = health
      const answer = await fetch(`${own.url}/health`)
      expect(embeddedEngine.readHealth(answer.status, await answer.text()).state).toBe(health)
    }
    await own.close()
  })
})
