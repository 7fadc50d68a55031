import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sha256 } from '../../test/fake-hub/file-server.ts'
import { tinyGguf } from '../../test/fake-hub/tiny-gguf.ts'
import { listModels, removeModel, resolveModel, verifyModel } from './library.ts'
import { type ModelRecord, writeRecord } from './record.ts'

const content = tinyGguf(1)
const record: ModelRecord = {
  name: 'tiny',
  source: 'hf:org/tiny/Tiny-Q8_0.gguf',
  revision: null,
  task: 'generate',
  architecture: 'llama',
  files: [{ file: 'tiny.gguf', bytes: content.length, sha256: sha256(content) }],
}

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen library '))
  await writeFile(join(directory, 'tiny.gguf'), content)
  await writeRecord(directory, record)
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

test('lists what was pulled and what somebody put there', async () => {
  const bert = tinyGguf(2, [['llama.pooling_type', 'u32', 1]])
  await writeFile(join(directory, 'By-Hand.gguf'), bert)
  await writeFile(join(directory, 'broken.gguf'), 'GGUF')
  await writeFile(join(directory, 'notes.json'), '{}')
  expect(await listModels(directory)).toMatchObject([
    { name: 'broken', problem: expect.stringContaining('ends inside') },
    { name: 'By-Hand', source: null, task: 'embed', bytes: bert.length, problem: null },
    { name: 'tiny', source: record.source, sha256: sha256(content), problem: null },
  ])
})

test('lists nothing where there is no directory yet', async () => {
  expect(await listModels(join(directory, 'none'))).toEqual([])
})

test.each([
  'tiny',
  'hf:org/tiny/Tiny-Q8_0.gguf',
  'hf:org/tiny',
  'org/tiny:Q8_0',
  'https://huggingface.co/org/tiny',
])('finds a pulled model as %s', async (reference) => {
  expect(await resolveModel(reference, directory)).toMatchObject({
    name: 'tiny',
    path: join(directory, 'tiny.gguf'),
    bytes: content.length,
    task: 'generate',
  })
})

test('finds a file by its path', async () => {
  const path = join(directory, 'tiny.gguf')
  expect(await resolveModel(path, '/nowhere')).toEqual({
    name: 'tiny',
    path,
    bytes: content.length,
    task: 'generate',
  })
})

test('makes a bundled model on the way', async () => {
  const resolved = await resolveModel('bundled:all-minilm-l6-v2', directory)
  expect(resolved).toEqual({
    name: 'all-minilm-l6-v2',
    path: join(directory, 'all-minilm-l6-v2.gguf'),
    bytes: 24_885_952,
    task: 'embed',
  })
  await expect(verifyModel('all-minilm-l6-v2', directory)).resolves.toMatchObject(resolved)
})

test.each([
  ['other', 'model/not-found', 'model list'],
  ['hf:org/other', 'model/not-found', 'baleen model pull hf:org/other'],
  ['org/tiny:Q4_K_M', 'model/not-found', 'baleen model pull'],
  ['hf:org/tiny@v2', 'model/not-found', 'baleen model pull'],
  ['npm:tiny', 'model/not-found', 'baleen model pull'],
  ['bundled:other', 'model/not-found', ''],
  ['./none.gguf', 'model/not-found', ''],
  ['No Name', 'model/bad-reference', ''],
])('says what to do about %s', async (reference, code, hint) => {
  await expect(resolveModel(reference, directory)).rejects.toMatchObject({
    code,
    hint: expect.stringContaining(hint),
  })
})

test('notices damage: by size at once, by checksum when asked', async () => {
  const path = join(directory, 'tiny.gguf')
  await expect(verifyModel('tiny', directory)).resolves.toMatchObject({ name: 'tiny' })

  const flipped = Buffer.from(content)
  flipped[flipped.length - 1]! ^= 1
  await writeFile(path, flipped)
  expect((await resolveModel('tiny', directory)).path).toBe(path)
  await expect(verifyModel('tiny', directory)).rejects.toMatchObject({ code: 'model/checksum' })

  await truncate(path, 1000)
  await expect(resolveModel('tiny', directory)).rejects.toMatchObject({ code: 'model/bad-file' })
  await expect(verifyModel('tiny', directory)).rejects.toMatchObject({ code: 'model/bad-file' })
})

test('removes the files with the record, also what somebody put there', async () => {
  await writeFile(join(directory, 'by-hand.gguf'), content)
  await removeModel('tiny', directory)
  await removeModel('by-hand', directory)
  expect(await readdir(directory)).toEqual([])
  await expect(removeModel('tiny', directory)).rejects.toMatchObject({ code: 'model/not-found' })
})

test('removes what is left when a removal was killed half way', async () => {
  await rm(join(directory, 'tiny.gguf'))
  expect(await listModels(directory)).toMatchObject([{ problem: 'tiny.gguf is missing' }])
  await removeModel('tiny', directory)
  expect(await listModels(directory)).toEqual([])
})
