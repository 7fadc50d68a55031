import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import type { JournalClose } from '../../src/contract/journal.ts'
import { serve, until, type Serving } from './serving.ts'

const pools = (changes = ''): string => `
name: reads
model: llama-3.1-8b
engine: simulated
hardware: h100
replicas: 2
route: llama
settings: { role: prefill, environment: { SIMULATED_ENGINE: vllm }${changes} }
---
name: writes
model: llama-3.1-8b
engine: simulated
hardware: h100
replicas: 2
route: llama
settings: { role: decode, environment: { SIMULATED_ENGINE: vllm } }
`

describe('prompts and answers on replicas of their own', () => {
  let serving: Serving
  beforeAll(async () => {
    serving = await serve({ config: { deployments: [], gateway: { processes: 2 } } })
  }, 120_000)
  afterAll(() => serving?.close(), 60_000)

  const deploy = async (text: string) => {
    const file = join(serving.dataDirectory, 'pools.yaml')
    writeFileSync(file, text)
    return serving.baleen('deploy', '-f', file, '--ready-timeout', '60s')
  }
  const deployment = async (name: string): Promise<DeploymentView> =>
    (await (await serving.api('GET', `/deployments/${name}`)).json()) as DeploymentView

  /** OpenAI's own client, one chat after another, every other one as a stream; keeps what failed. */
  function startClient(model: string) {
    const openai = serving.openai()
    const failures: string[] = []
    let answered = 0
    let isStopped = false
    const running = (async () => {
      for (let count = 0; !isStopped; count++) {
        const request = {
          model,
          messages: [{ role: 'user' as const, content: `Tell me about number ${count}.` }],
          max_tokens: 20,
        }
        try {
          if (count % 2 === 0) {
            const { choices } = await openai.chat.completions.create(request)
            if (!choices[0]?.message.content) failures.push('no content')
          } else {
            let text = ''
            const stream = await openai.chat.completions.create({ ...request, stream: true })
            for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
            if (text === '') failures.push('no content')
          }
          answered++
        } catch (thrown) {
          failures.push(String(thrown))
        }
      }
    })()
    return {
      failures,
      answered: () => answered,
      async stop() {
        isStopped = true
        await running
      },
    }
  }

  it('fail nobody when one that reads is killed under load', async () => {
    const { code, stderr } = await deploy(pools())
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).not.toContain('not honoured')
    const clients = [1, 2, 3, 4].map(() => startClient('llama'))
    const answered = () => clients.reduce((sum, client) => sum + client.answered(), 0)
    await until('requests are answered', () => answered() > 8)
    const [victim] = (await deployment('reads')).replicas
    process.kill(victim!.pid!, 'SIGKILL')
    const before = answered()
    await until('service goes on', () => answered() > before + 20)
    await until(
      'the pool is whole again',
      async () =>
        (await deployment('reads')).replicas.filter(({ state }) => state === 'ready').length === 2,
    )
    await Promise.all(clients.map((client) => client.stop()))
    expect(clients.flatMap(({ failures }) => failures)).toEqual([])
  }, 120_000)

  it('keep the capacity of both while one is rolled out', async () => {
    const clients = [1, 2].map(() => startClient('llama'))
    const answered = () => clients.reduce((sum, client) => sum + client.answered(), 0)
    await until('requests are answered', () => answered() > 4)
    const { code, stderr } = await deploy(pools(', batchTokens: 4096'))
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const before = answered()
    await until('service goes on', () => answered() > before + 10)
    await Promise.all(clients.map((client) => client.stop()))
    expect(clients.flatMap(({ failures }) => failures)).toEqual([])
    const { requests } = (await (await serving.api('GET', '/requests?limit=20')).json()) as {
      requests: JournalClose[]
    }
    expect(
      requests.every(({ outcome, deployment: by }) => outcome === 'ok' && by === 'writes'),
    ).toBe(true)
  }, 120_000)

  it('are planned and deployed in one step', async () => {
    const asked = [
      '--hardware',
      'h100:8',
      '--slo',
      'ttft.p95=600ms,tpot.p95=10ms',
      '--rate',
      '20/s',
    ]
    const how = ['--apart', '--engine', 'vllm', '--name', 'planned', '--yes', '--quick', '--json']
    const { code, stdout, stderr } = await serving.baleen(
      'deploy',
      'llama-3.1-8b',
      ...how,
      ...asked,
    )
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).not.toContain('not honoured: role')
    const { deployments } = JSON.parse(stdout) as { deployments: DeploymentView[] }
    expect(deployments.map(({ spec }) => [spec.name, spec.settings.role, spec.route])).toEqual([
      ['planned', 'decode', 'planned'],
      ['planned-prefill', 'prefill', 'planned'],
    ])
    const answer = await serving.openai().chat.completions.create({
      model: 'planned',
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 4,
    })
    expect(answer.usage?.completion_tokens).toBe(4)
  })
})
