import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import { startFakeEngine, type FakeEngine } from '../../src/engines/fake/fake-engine.ts'
import { serve, until, type Serving } from './serving.ts'

/** Engines that answer at once stand for revisions, so that what they were asked can be counted. */
describe('a new revision, by the command line', { timeout: 120_000 }, () => {
  let serving: Serving
  const engines: FakeEngine[] = []

  beforeAll(async () => {
    serving = await serve({ config: { deployments: [] } })
    const { code, stdout, stderr } = await deploy(await engine())
    expect(code, stdout + stderr).toBe(0)
  }, 120_000)
  afterAll(async () => {
    await serving?.close()
    for (const one of engines) await one.close()
  })

  const engine = async (): Promise<FakeEngine> => {
    const started = await startFakeEngine()
    engines.push(started)
    return started
  }
  const deploy = ({ url }: FakeEngine, rollout: object = {}, ...flags: readonly string[]) => {
    const file = join(serving.dataDirectory, 'chat.yaml')
    writeFileSync(file, stringify({ name: 'chat', model: url, engine: 'external', rollout }))
    return serving.baleen('deploy', '-f', file, ...flags)
  }
  const view = async (): Promise<DeploymentView> =>
    (await (await serving.api('GET', '/deployments/chat')).json()) as DeploymentView
  /** Starts one beside what serves; nothing but requests moves it on. */
  const beside = async (rollout: object): Promise<FakeEngine> => {
    const next = await engine()
    const { code, stdout, stderr } = await deploy(next, rollout, '--no-wait')
    expect(code, stdout + stderr).toBe(0)
    await until('both serve', async () => {
      const { replicas, updated } = await view()
      return replicas.filter(({ state }) => state === 'ready').length === 2 && updated === 1
    })
    return next
  }
  const back = async (): Promise<void> => {
    const { code, stdout, stderr } = await serving.baleen('rollback', 'chat')
    expect(code, stdout + stderr).toBe(0)
    await until('it is back', async () => (await view()).rollout === null)
  }
  const ask = async (user: string, key = serving.key): Promise<number> => {
    const response = await fetch(`${serving.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'chat', user, messages: [{ role: 'user', content: 'Hi' }] }),
    })
    await response.arrayBuffer()
    return response.status
  }
  /** By user, as the engine was asked. */
  const asked = ({ requests }: FakeEngine, user: string): number =>
    requests.filter(({ body }) => (body as { user?: string } | undefined)?.user === user).length
  const makeKey = async (name: string): Promise<string> =>
    (await serving.baleen('key', 'create', name)).stdout.trim()

  it('is for the keys that it names alone', async () => {
    const [alice, bob] = [await makeKey('alice'), await makeKey('bob')]
    const cohort = { keys: ['alice'] }
    const next = await beside({ steps: [{ share: 0, bakeTime: '1h' }], cohort })
    // Each gateway reads by itself what control has written.
    let round = 0
    await until('all gateways know', async () => {
      const user = `alice-${++round}`
      for (let n = 0; n < 10; n++) await ask(user, alice)
      return asked(next, user) === 10
    })
    for (let n = 0; n < 10; n++) {
      expect(await ask('alice', alice)).toBe(200)
      expect(await ask('bob', bob)).toBe(200)
    }
    expect([asked(next, 'alice'), asked(next, 'bob')]).toEqual([10, 0])
    await back()
    await until('nobody is led there', async () => {
      const user = `alice-${++round}`
      for (let n = 0; n < 10; n++) await ask(user, alice)
      return asked(next, user) === 0
    })
  })

  it('is for a share of the users, each in or out for good', async () => {
    const next = await beside({ steps: [{ share: 0, bakeTime: '1h' }], cohort: { users: 0.3 } })
    const users = Array.from({ length: 100 }, (_, at) => `user-${at}`)
    const round = async (): Promise<readonly string[]> => {
      const before = new Map(users.map((user) => [user, asked(next, user)]))
      await Promise.all(users.map((user) => ask(user)))
      return users.filter((user) => asked(next, user) > before.get(user)!)
    }
    // A hash of their names says which, on every machine the same; each gateway reads by itself what control has written.
    await until('all gateways know', async () => (await round()).length === 37)
    const chosen = await round()
    expect(chosen).toHaveLength(37)
    expect(await round()).toEqual(chosen)
    await back()
  })

  it('goes by itself where it fails, and its history says what was seen', async () => {
    const next = await beside({ steps: [{ share: 0.5, bakeTime: '1h' }] })
    const before = (await view()).revision
    await until('both have answered', async () => {
      await Promise.all(Array.from({ length: 8 }, () => ask('anybody')))
      return asked(engines[0]!, 'anybody') >= 30 && asked(next, 'anybody') >= 10
    })
    next.behaviour.refusal = { status: 500 }
    const seen = new Set<number>()
    await until('it is rolled back', async () => {
      for (const status of await Promise.all(Array.from({ length: 8 }, () => ask('anybody'))))
        seen.add(status)
      return (await view()).revision > before && (await view()).rollout === null
    })
    // Who was sent there was answered by the old one.
    expect([...seen]).toEqual([200])
    const { stdout } = await serving.baleen('history', 'chat')
    expect(stdout).toMatch(
      /rolled-back .*requests fail: \d+ of \d+, at least [\d.]+ %; .* \(99 % certain\)/,
    )
  })
})
