import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FakeHub, startFakeHub } from '../../test/fake-hub/fake-hub.ts'
import { tinyGguf } from '../../test/fake-hub/tiny-gguf.ts'
import { pullModel } from './pull/pull.ts'
import { recordPath } from './record.ts'

const content = tinyGguf(1)
const room = (models: number): number => Math.round(models * content.length)

let hub: FakeHub
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-room-'))
  hub = await startFakeHub()
  for (const name of ['ant', 'bee', 'cat']) hub.put(`org/${name}`, `${name}.gguf`, content)
})
afterEach(async () => {
  await hub.stop()
  await rm(directory, { recursive: true })
})

const pull = (name: string, bytesMax: number, inUse: readonly string[] = [], url?: string) => {
  const pruned: string[] = []
  const options = { endpoint: hub.endpoint, retryDelayMs: 1, limit: { bytesMax, inUse } }
  return pullModel(url ?? `hf:org/${name}`, directory, {
    ...options,
    onPruned: (gone) => void pruned.push(gone),
  }).then(() => pruned)
}
const models = async (): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.endsWith('.gguf')).toSorted()
const usedAt = async (name: string, second: number): Promise<void> =>
  utimes(recordPath(directory, name), second, second)

test('the longest unused goes before a new one comes', async () => {
  await pull('ant', room(2))
  await pull('bee', room(2))
  await usedAt('bee', 1)
  expect(await pull('cat', room(2))).toEqual(['bee'])
  expect(await models()).toEqual(['ant.gguf', 'cat.gguf'])
})

test('what is in use stays, and where it leaves no room nothing comes and nothing goes', async () => {
  await pull('ant', room(2))
  await pull('bee', room(2))
  const refused = pull('cat', room(2.5), ['hf:org/ant', 'bee'])
  await expect(refused).rejects.toMatchObject({
    code: 'model/no-room',
    message: expect.stringMatching(/cat.+ has .+models\.maxSize is .+ant, bee in use/),
  })
  expect(hub.seenByStore).toHaveLength(2)
  expect(await models()).toEqual(['ant.gguf', 'bee.gguf'])
})

test('a source that does not say before how much it is is stopped once it does', async () => {
  hub.putPlain('/cat.gguf', content)
  const refused = pull('', room(0.5), [], `${hub.storeUrl}/cat.gguf`)
  await expect(refused).rejects.toMatchObject({ code: 'model/no-room' })
  expect(
    (await readdir(join(directory, '.partial'))).filter((name) => !name.endsWith('lock')),
  ).toEqual([])
})

test('what other pulls have fetched so far counts; what they left goes first', async () => {
  await pull('ant', room(2))
  const partial = join(directory, '.partial', '0123456789abcdef-other.gguf')
  await mkdir(join(directory, '.partial'), { recursive: true })
  await writeFile(partial, content)
  await expect(pull('bee', room(2.5), ['ant'])).rejects.toMatchObject({ code: 'model/no-room' })
  await utimes(partial, 1, 1)
  // Still younger than what every pull sweeps away.
  const hourAgo = Date.now() / 1000 - 3600
  await utimes(partial, hourAgo, hourAgo)
  expect(await pull('bee', room(2.5), ['ant'])).toEqual([])
  expect(await models()).toEqual(['ant.gguf', 'bee.gguf'])
})
