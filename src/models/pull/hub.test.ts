import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FakeHub, fakeToken, startFakeHub } from '../../../test/fake-hub/fake-hub.ts'
import { sha256 } from '../../../test/fake-hub/file-server.ts'
import { tinyGguf } from '../../../test/fake-hub/tiny-gguf.ts'
import type { ModelProgress } from '../progress.ts'
import { readRecord } from '../record.ts'
import { type PullOptions, pullModel } from './pull.ts'

const q4 = tinyGguf(4)
const q8 = tinyGguf(8)

let hub: FakeHub
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-hub-'))
  hub = await startFakeHub()
  hub.put('org/tiny-GGUF', 'README.md', Buffer.from('# Tiny'))
  hub.put('org/tiny-GGUF', 'mmproj-F16.gguf', q8)
  hub.put('org/tiny-GGUF', 'Tiny-Q2_K.gguf', q8)
  hub.put('org/tiny-GGUF', 'Tiny-Q4_K_M.gguf', q4)
  hub.put('org/tiny-GGUF', 'Tiny-Q8_0.gguf', q8)
})
afterEach(async () => {
  await hub.stop()
  await rm(directory, { recursive: true })
})

const pull = (reference: string, options: PullOptions = {}) =>
  pullModel(reference, directory, { endpoint: hub.endpoint, retryDelayMs: 1, ...options })
const content = (file: string) => readFile(join(directory, file))

test('picks a sensible file of a repository, and says so', async () => {
  const seen: ModelProgress[] = []
  const entry = await pull('hf:org/tiny-GGUF', { onProgress: (step) => void seen.push(step) })
  expect(entry).toMatchObject({
    name: 'tiny-q4_k_m',
    source: 'hf:org/tiny-GGUF/Tiny-Q4_K_M.gguf',
    sha256: sha256(q4),
  })
  expect(await content('tiny-q4_k_m.gguf')).toEqual(q4)
  expect(seen[0]).toMatchObject({
    step: 'choose',
    text: 'Q4_K_M of the 3 files in org/tiny-GGUF; add :NAME for another',
  })
  expect((await readRecord(directory, 'tiny-q4_k_m'))?.revision).toMatch(/^[0-9a-f]{40}$/)
})

test.each(['org/tiny-GGUF:Q8_0', 'hf:org/tiny-GGUF/Tiny-Q8_0.gguf'])(
  'takes the file asked for as %s',
  async (reference) => {
    expect((await pull(reference)).sha256).toBe(sha256(q8))
  },
)

test('sends the token to the hub and to nobody else', async () => {
  hub.close('org/tiny-GGUF', 'gated')
  await pull('org/tiny-GGUF', { token: fakeToken })
  const sent = (seen: FakeHub['seenByHub']) => seen.map(({ headers }) => headers.authorization)
  expect(new Set(sent(hub.seenByHub))).toEqual(new Set([`Bearer ${fakeToken}`]))
  expect(hub.seenByStore).toHaveLength(1)
  expect(sent(hub.seenByStore)).toEqual([undefined])
})

test.each([undefined, 'hf_of_a_stranger'])(
  'names the terms of a gated one to %s',
  async (token) => {
    hub.close('org/tiny-GGUF', 'gated')
    const refused = pull('org/tiny-GGUF', token === undefined ? {} : { token })
    await expect(refused).rejects.toMatchObject({
      code: 'model/forbidden',
      message: expect.stringContaining('org/tiny-GGUF is gated'),
      hint: expect.stringContaining(
        token === undefined ? 'No HF_TOKEN is set' : 'The account of HF_TOKEN has no access',
      ),
    })
  },
)

test.each([
  ['hf:org/other', 'org/other: no such repository, or a private one'],
  ['hf:org/tiny-GGUF/None.gguf', 'org/tiny-GGUF/None.gguf: no such file in the repository'],
  ['hf:org/tiny-GGUF@v9', 'org/tiny-GGUF: no such revision'],
])('says what is missing of %s', async (reference, problem) => {
  const refused = pull(reference)
  await expect(refused).rejects.toMatchObject({ code: 'model/not-found' })
  await expect(refused).rejects.toThrow(problem)
})

test('a private repository looks missing, and the hint says so', async () => {
  hub.close('org/tiny-GGUF', 'private')
  await expect(pull('org/tiny-GGUF')).rejects.toMatchObject({
    code: 'model/not-found',
    hint: expect.stringContaining('HF_TOKEN'),
  })
})

test('fetches a model again only when the hub has another', async () => {
  await pull('org/tiny-GGUF')
  await pull('org/tiny-GGUF')
  expect(hub.seenByStore).toHaveLength(1)

  const newer = tinyGguf(5)
  hub.put('org/tiny-GGUF', 'Tiny-Q4_K_M.gguf', newer)
  const entry = await pull('org/tiny-GGUF')
  expect(entry).toMatchObject({ name: 'tiny-q4_k_m', sha256: sha256(newer) })
  expect(await content('tiny-q4_k_m.gguf')).toEqual(newer)
})

test('takes all parts of a split model from one commit', async () => {
  const parts = [0, 1, 2].map((number) =>
    tinyGguf(number, [
      ['split.no', 'u32', number],
      ['split.count', 'u32', 3],
    ]),
  )
  for (const [index, part] of parts.entries())
    hub.put('org/large', `q4/Large-0000${index + 1}-of-00003.gguf`, part)
  const entry = await pull('hf:org/large/q4/Large-00002-of-00003.gguf')
  expect(entry).toMatchObject({
    name: 'large',
    path: join(directory, 'large-00001-of-00003.gguf'),
    bytes: parts.reduce((sum, { length }) => sum + length, 0),
    sha256: null,
  })
  for (const [index, part] of parts.entries())
    expect(await content(`large-0000${index + 1}-of-00003.gguf`)).toEqual(part)
  const asked = hub.seenByHub.map(({ method, url }) => `${method} ${url.split('/')[4]}`)
  const commit = (await readRecord(directory, 'large'))?.revision
  expect(asked.slice(0, 3)).toEqual(['HEAD main', `HEAD ${commit}`, `HEAD ${commit}`])
})

test('refuses a part that stands alone', async () => {
  hub.put('org/part', 'Part.gguf', tinyGguf(1, [['split.count', 'u32', 3]]))
  await expect(pull('org/part')).rejects.toThrow('one of 3 parts, and 1 were fetched')
  expect(await readdir(directory)).toEqual(['.partial'])
})

test('does not believe a file that differs from its announced checksum', async () => {
  hub.lie()
  await expect(pull('org/tiny-GGUF')).rejects.toMatchObject({ code: 'model/checksum' })
  expect(await readdir(directory)).toEqual(['.partial'])
})

test('gives models of the same file name different names', async () => {
  hub.put('someone/else', 'Tiny-Q4_K_M.gguf', q8)
  const first = await pull('org/tiny-GGUF')
  const second = await pull('someone/else')
  expect(first.name).toBe('tiny-q4_k_m')
  expect(second.name).toMatch(/^tiny-q4_k_m-[0-9a-f]{6}$/)
  expect(await content(`${first.name}.gguf`)).toEqual(q4)
  expect(await content(`${second.name}.gguf`)).toEqual(q8)
})

test('takes a name of your own, unless it is taken', async () => {
  expect((await pull('org/tiny-GGUF', { name: 'mine' })).name).toBe('mine')
  await expect(pull('org/tiny-GGUF:Q8_0', { name: 'mine' })).rejects.toMatchObject({
    code: 'model/name-taken',
  })
  await expect(pull('org/tiny-GGUF', { name: 'other' })).rejects.toMatchObject({
    code: 'model/name-taken',
    message: expect.stringContaining('is here already, as "mine"'),
  })
  await expect(pull('org/tiny-GGUF:Q8_0', { name: 'minimind2-small' })).rejects.toMatchObject({
    code: 'model/name-taken',
  })
  expect(await content('mine.gguf')).toEqual(q4)
})
