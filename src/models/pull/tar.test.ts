import fc from 'fast-check'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { pack } from '../../../test/fake-hub/fake-registry.ts'
import type { AppError } from '../../core/errors.ts'
import { readTar } from './tar.ts'

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size)
    yield await Promise.resolve(bytes.subarray(start, start + size))
}

async function readAll(bytes: Uint8Array, size: number): Promise<[string, string][]> {
  const entries: [string, string][] = []
  for await (const { path, content } of readTar(inPieces(bytes, size)))
    entries.push([path, Buffer.concat(await Array.fromAsync(content)).toString()])
  return entries
}

const files: [string, string][] = [
  ['package/package.json', '{}'],
  ['package/empty', ''],
  ['package/model.part', 'x'.repeat(5000)],
]
const archive = gunzipSync(
  pack(
    Object.fromEntries(
      files.map(([path, text]) => [path.slice('package/'.length), Buffer.from(text)]),
    ),
  ),
)

test.each([1, 511, 512, 1000, 100_000])('reads files that come in pieces of %i', async (size) => {
  expect(await readAll(archive, size)).toEqual(files)
})

test('skips what is not read', async () => {
  const paths: string[] = []
  for await (const { path, content } of readTar(inPieces(archive, 700))) {
    paths.push(path)
    if (path.endsWith('.part')) for await (const _ of content) break
  }
  expect(paths).toEqual(files.map(([path]) => path))
})

test('stops its source when nobody reads on', async () => {
  let isStopped = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* inPieces(archive, 512)
    } finally {
      isStopped = true
    }
  }
  for await (const _ of readTar(source())) break
  expect(isStopped).toBe(true)
})

test('takes long names and sizes from extended headers', async () => {
  const path = `package/${'d'.repeat(120)}/model.gguf`
  const line = ` path=${path}\n`
  const extended = Buffer.from(`${line.length + 3}${line}`)
  const blocks = [extended, Buffer.from('weights')].map((content, index) => {
    const block = Buffer.alloc(1024)
    block.write(index === 0 ? 'PaxHeader' : 'short', 0)
    block.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
    block.write(index === 0 ? 'x' : '0', 156)
    content.copy(block, 512)
    return block
  })
  expect(await readAll(Buffer.concat([...blocks, Buffer.alloc(512)]), 512)).toEqual([
    [path, 'weights'],
  ])
})

test('any damage is either harmless or model/bad-file', async () => {
  const changes = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(changes, fc.nat(archive.length), async (damage, length) => {
      const bytes = Buffer.from(archive)
      for (const [position, value] of damage) bytes[position] = value
      try {
        await readAll(bytes.subarray(0, length), 4096)
      } catch (thrown) {
        expect((thrown as AppError).code).toBe('model/bad-file')
      }
    }),
    { numRuns: 500 },
  )
})
