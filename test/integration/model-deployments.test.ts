import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import { prepareBundled } from '../../src/models/bundled/prepare.ts'
import { modelsDirectory, serve, until, type Serving } from '../e2e/serving.ts'
import { say } from './support/real-cluster.ts'
import { noRegistry, startRegistry } from './support/registry.ts'
import { startRelay, type Relay } from './support/relay.ts'
import { noS3Store, startS3Store } from './support/s3-store.ts'

const missing = noRegistry ?? noS3Store
const settings = { threads: 1, contextTokens: 512 }
const mebibyte = 2 ** 20

/** A place that models come from, behind a relay that can hold them back. */
interface Place {
  readonly relay: Relay
  readonly reference: string
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

const places: Readonly<Record<string, (content: Buffer) => Promise<Place>>> = {
  async 'an S3 store'(content) {
    const store = await startS3Store()
    const relay = await startRelay(new URL(store.endpoint).host)
    return {
      relay,
      reference: await store.put('small', content),
      environment: store.variablesOf('secret', `http://${relay.host}`),
      stop: () => relay.stop().then(() => store.stop()),
    }
  },
  async 'a registry'(content) {
    const registry = await startRegistry()
    const relay = await startRelay(registry.host)
    const { repository, tag } = await registry.put('small', content)
    return {
      relay,
      reference: `oci://${relay.host}/${repository}:${tag}`,
      environment: { DOCKER_CONFIG: registry.loginOf('friend', relay.host) },
      stop: () => relay.stop().then(() => registry.stop()),
    }
  },
}

describe.skipIf(missing !== null).each(Object.entries(places))(
  `a deployment whose model comes from %s${missing === null ? '' : ` (skipped: ${missing})`}`,
  (_, open) => {
    let place: Place
    let serving: Serving
    let directory: string
    let content: Buffer

    beforeAll(async () => {
      content = readFileSync(await prepareBundled('minimind2-small', modelsDirectory))
      directory = mkdtempSync(join(tmpdir(), 'baleen-pulled-'))
      place = await open(content)
      serving = await serve({
        environment: place.environment,
        config: { models: { directory }, deployments: [] },
      })
    }, 180_000)
    afterAll(async () => {
      await serving?.close()
      await place?.stop()
      rmSync(directory, { recursive: true, force: true })
    })

    const view = async (): Promise<DeploymentView> =>
      (await (await serving.api('GET', '/deployments/ant')).json()) as DeploymentView
    const doneBytes = async () => (await view()).preparation?.doneBytes ?? 0
    const deploy = () =>
      serving.baleen(
        'deploy',
        place.reference,
        '--name=ant',
        '--no-wait',
        ...Object.entries(settings).map(([name, value]) => `--set=${name}=${value}`),
      )
    const kept = () =>
      readdirSync(join(directory, '.partial'))
        .map((name) => statSync(join(directory, '.partial', name)).size)
        .reduce((most, size) => Math.max(most, size), 0)

    it('goes on where it was after kill -9 of control, and of the whole of Baleen', async () => {
      place.relay.hold(8 * mebibyte)
      const { code, stdout, stderr } = await deploy()
      expect(code, stdout + stderr).toBe(0)
      await until('some of it has come', async () => (await doneBytes()) > 6 * mebibyte)
      say((await serving.baleen('ps')).stdout.split('\n')[1] ?? '')
      expect((await view()).status).toMatch(/fetching .*, \d+ % of \d/)
      for (const pid of serving.pids('control')) process.kill(pid, 'SIGKILL')
      const afterFirst = kept()
      expect(afterFirst).toBeGreaterThan(6 * mebibyte)
      place.relay.hold(6 * mebibyte)
      await until('more has come', async () => (await doneBytes()) > 11 * mebibyte)
      const { dataDirectory, port } = serving
      serving.supervisor.kill('SIGKILL')
      await until('all of it has ended', () =>
        (['control', 'gateway'] as const).every((role) => serving.pids(role).length === 0),
      )
      const afterSecond = kept()
      expect(afterSecond).toBeGreaterThan(11 * mebibyte)
      const before = place.relay.answered
      place.relay.release()
      const { key } = serving
      serving = await serve({
        environment: place.environment,
        config: { models: { directory }, deployments: [] },
        dataDirectory,
        port,
      })
      await until('it is ready', async () => (await view()).status === '1 of 1 ready', 120_000)
      const answer = await serving.openai(key).chat.completions.create({
        model: 'ant',
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        max_tokens: 4,
      })
      expect(answer.choices[0]?.message.content).not.toBe('')
      const fetched = place.relay.answered - before
      say(`kept ${afterFirst}, then ${afterSecond}; fetched ${fetched} of ${content.length} after`)
      expect(fetched).toBeLessThan(content.length - afterSecond + mebibyte)
      const [file = '', ...others] = readdirSync(directory).filter((name) => name.endsWith('.gguf'))
      expect(others).toEqual([])
      expect(readFileSync(join(directory, file)).equals(content)).toBe(true)
    })
  },
)
