import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import { prepareBundled } from '../../src/models/bundled/prepare.ts'
import { type FakeHub, startFakeHub } from '../fake-hub/fake-hub.ts'
import { modelsDirectory, serve, until, type Serving } from './serving.ts'

const settings = { threads: 1, contextTokens: 512 }
const slowly = { type: 'slow', pieceBytes: 1 << 20, pauseMs: 100 } as const
/** A part at once, and then time enough to look on a busy machine. */
const haltingly = { type: 'slow', pieceBytes: 5 << 20, pauseMs: 10_000 } as const

describe('a deployment whose model is not here yet', { timeout: 180_000 }, () => {
  let serving: Serving
  let hub: FakeHub
  let directory: string
  let content: Buffer

  beforeAll(async () => {
    content = readFileSync(await prepareBundled('minimind2-small', modelsDirectory))
    directory = mkdtempSync(join(tmpdir(), 'baleen-pulled-'))
    hub = await startFakeHub()
    for (const name of ['first', 'second', 'third'])
      hub.put(`org/${name}`, `${name}.gguf`, Buffer.concat([content]))
    serving = await serve({
      environment: { HF_ENDPOINT: hub.endpoint, HF_TOKEN: '', HF_TOKEN_PATH: '/nonexistent' },
      config: {
        // Room for two of them.
        models: { directory, maxSize: `${Math.round(content.length * 2.5)}B` },
        deployments: [],
      },
    })
  }, 180_000)
  afterAll(async () => {
    await serving?.close()
    await hub?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const view = async (name: string): Promise<DeploymentView> =>
    (await (await serving.api('GET', `/deployments/${name}`)).json()) as DeploymentView
  const put = (name: string, changes: object): Promise<Response> =>
    serving.api('PUT', `/deployments/${name}?retry=true`, {
      name,
      task: 'generate',
      settings,
      ...changes,
    })
  const remove = (name: string) => serving.api('DELETE', `/deployments/${name}`)
  const ask = async (model: string): Promise<string> => {
    const answer = await serving.openai().chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      max_tokens: 4,
    })
    return answer.choices[0]?.message.content ?? ''
  }
  const isHalfWay = async (name: string): Promise<boolean> => {
    const { doneBytes, totalBytes } = (await view(name)).preparation ?? {}
    return (doneBytes ?? 0) > 4 << 20 && (doneBytes ?? 0) < (totalBytes ?? 0)
  }
  const files = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.gguf'))

  it('fetches it, through a kill of control in the middle, and answers', async () => {
    hub.faults.push(haltingly)
    const put1 = await put('ant', { model: 'hf:org/first' })
    expect(put1.status).toBe(201)
    await until('some of it has come', () => isHalfWay('ant'))
    expect((await view('ant')).status).toMatch(
      /^0 of 1 ready: fetching first\.gguf, \d+ % of 26\.4 MiB/,
    )
    const listed = await serving.baleen('ps')
    expect(listed.stdout).toMatch(/ant .+starting.+fetching first\.gguf/)
    for (const pid of serving.pids('control')) process.kill(pid, 'SIGKILL')
    await until('it answers', async () => (await ask('ant')) !== '')
    const ranges = hub.seenByStore.flatMap(({ headers }) => headers.range ?? [])
    expect(Number(/bytes=(\d+)-/.exec(ranges.at(-1) ?? '')?.[1])).toBeGreaterThan(4 << 20)
    expect(files()).toEqual(['first.gguf'])
  })

  it('goes on serving the old one while that of a new revision comes', async () => {
    // Long enough for an engine to be found dead and started again meanwhile.
    hub.faults.push({ ...slowly, pauseMs: 600 })
    await put('ant', { model: 'hf:org/second' })
    await until('some of it has come', () => isHalfWay('ant'))
    expect((await view('ant')).status).toMatch(/^1 of 1 ready: updating, fetching second\.gguf/)
    // One that ends meanwhile is made up for by another of the old revision.
    const killed = serving.pids('replica')
    for (const pid of killed) process.kill(pid, 'SIGKILL')
    await until('another is there', () =>
      serving.pids('replica').some((pid) => !killed.includes(pid)),
    )
    expect((await view('ant')).replicas.map(({ revision }) => revision)).toEqual([1])
    expect(await ask('ant')).not.toBe('')
    await until('the new revision has taken over', async () => {
      const { rollout, updated } = await view('ant')
      return rollout === null && updated === 1
    })
    expect(await ask('ant')).not.toBe('')
  })

  it('deletes what nobody uses to make room, but never what is in use', async () => {
    await put('bee', { model: 'hf:org/third' })
    await until('it is ready', async () => (await view('bee')).status === '1 of 1 ready')
    // `first` was in nobody's use any more.
    expect(files().toSorted()).toEqual(['second.gguf', 'third.gguf'])
    await put('cat', { model: 'hf:org/first' })
    await until('it is said', async () => (await view('cat')).preparation?.error != null)
    expect((await view('cat')).preparation?.error).toMatchObject({ code: 'model/no-room' })
    expect(files().toSorted()).toEqual(['second.gguf', 'third.gguf'])
    await remove('bee')
    await put('cat', { model: 'hf:org/first' })
    await until('it is ready', async () => (await view('cat')).status === '1 of 1 ready')
    await remove('cat')
  })

  it('says what is wrong with a reference, with a code and what to do', async () => {
    hub.put('org/terms', 'terms.gguf', content)
    hub.close('org/terms', 'gated')
    const wrong = await serving.baleen('deploy', 'hf:org/nowhere', '--name', 'bee')
    expect(wrong.code).toBe(5)
    expect(wrong.stderr).toContain('model/not-found')
    const closed = await serving.baleen('deploy', 'hf:org/terms', '--name', 'bee')
    expect(closed.code).toBe(5)
    expect(closed.stderr).toContain('model/forbidden')
    expect(closed.stderr).toContain('No HF_TOKEN is set')
    const asked = hub.seenByHub.length
    expect((await view('bee')).status).toMatch(/next try in \dm/)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(hub.seenByHub.length).toBe(asked)
    const malformed = await serving.baleen('deploy', 'hf:org', '--name', 'cat')
    expect(malformed.stderr).toContain('model/bad-reference')
    await remove('bee')
  })

  it('lets go of one whose deployment is deleted', async () => {
    hub.put('org/fourth', 'fourth.gguf', content)
    hub.faults.push({ type: 'stall', afterBytes: 5 << 20 })
    await put('dog', { model: 'hf:org/fourth' })
    await until('some of it has come', () => isHalfWay('dog'))
    expect((await serving.baleen('ps')).stdout).toContain('fetching fourth.gguf')
    await remove('dog')
    await put('dog', { model: 'hf:org/fourth' })
    await until('it goes on and is ready', async () => {
      return (await view('dog')).status === '1 of 1 ready'
    })
    expect(hub.seenByStore.at(-1)?.headers.range).toMatch(/^bytes=[1-9]/)
  })
})
