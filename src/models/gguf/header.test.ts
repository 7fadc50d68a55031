import fc from 'fast-check'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AppError } from '../../core/errors.ts'
import { memorySource } from './byte-source.ts'
import { encodeGguf, type GgufField, type GgufTensorSource } from './encode.ts'
import { numberOf, readGguf, readGgufHeader } from './header.ts'

const fields: readonly GgufField[] = [
  ['general.architecture', 'string', 'llama'],
  ['general.name', 'string', 'Größe ½'],
  ['llama.block_count', 'u32', 2],
  ['llama.rope.freq_base', 'f32', 10_000],
  ['tokenizer.ggml.add_bos_token', 'bool', true],
  ['tokenizer.ggml.tokens', 'string[]', Array.from({ length: 300 }, (_, id) => `token ${id}`)],
  ['tokenizer.ggml.token_type', 'i32[]', [1, 2, 3, -1]],
  ['general.tags', 'string[]', ['tiny', 'test']],
]
const zeros = (name: string, type: 'F32' | 'Q8_0', shape: number[], bytes: number) =>
  ({ name, type, shape, data: () => new Uint8Array(bytes) }) satisfies GgufTensorSource
const tensors = [
  zeros('token_embd.weight', 'Q8_0', [64, 5], 340),
  zeros('output_norm.weight', 'F32', [64], 256),
]
const sound = Buffer.concat([...encodeGguf(fields, tensors)])

const read = (bytes: Uint8Array) => readGgufHeader(memorySource(bytes))

/** `sound` with a number overwritten at the first place where `after` ends. */
function patched(after: string | number, write: (bytes: Buffer, position: number) => void): Buffer {
  const bytes = Buffer.from(sound)
  write(bytes, typeof after === 'number' ? after : sound.indexOf(after) + after.length)
  return bytes
}

test('reads back what was written', async () => {
  const header = await read(sound)
  expect(header).toMatchObject({ architecture: 'llama', name: 'Größe ½', fileBytes: sound.length })
  expect(header.metadata.get('tokenizer.ggml.add_bos_token')).toBe(true)
  expect(header.metadata.get('tokenizer.ggml.token_type')).toEqual([1, 2, 3, -1])
  expect(header.metadata.get('general.tags')).toEqual(['tiny', 'test'])
  expect(numberOf(header, 'llama.rope.freq_base')).toBe(10_000)
  expect(numberOf(header, 'general.name')).toBeNull()
  expect(header.tensors).toEqual([
    {
      name: 'token_embd.weight',
      type: 'Q8_0',
      shape: [64, 5],
      offset: expect.any(Number),
      bytes: 340,
    },
    {
      name: 'output_norm.weight',
      type: 'F32',
      shape: [64],
      offset: expect.any(Number),
      bytes: 256,
    },
  ])
  const [first, second] = header.tensors
  expect(first!.offset % 32).toBe(0)
  expect(second!.offset - first!.offset).toBe(352)
})

test('keeps only the extent of a vocabulary', async () => {
  const { metadata } = await read(sound)
  expect(metadata.get('tokenizer.ggml.tokens')).toEqual({ elementType: 'string', length: 300 })
})

test.each<[string, Uint8Array, RegExp]>([
  ['an empty file', new Uint8Array(0), /ends inside the first 24 bytes/],
  ['a web page', Buffer.from('<!doctype html><title>Not found</title>'), /"GGUF"/],
  ['a big-endian file', patched(4, (bytes, at) => bytes.writeUInt32BE(3, at)), /big-endian/],
  ['a version of the future', patched(4, (bytes, at) => bytes.writeUInt32LE(9, at)), /version 9/],
  ['2^63 tensors', patched(8, (bytes, at) => bytes.writeBigUInt64LE(1n << 63n, at)), /tensors/],
  ['2^63 entries', patched(16, (bytes, at) => bytes.writeBigUInt64LE(1n << 63n, at)), /entries/],
  ['a key of 2^40 bytes', patched(24, (bytes, at) => bytes.writeBigUInt64LE(1n << 40n, at)), /key/],
  [
    'an endless vocabulary',
    patched('tokenizer.ggml.tokens', (bytes, at) => bytes.writeBigUInt64LE(1n << 60n, at + 8)),
    /tokens claims 1152921504606847000 elements/,
  ],
  [
    'an unknown value type',
    patched('general.name', (bytes, at) => bytes.writeUInt32LE(77, at)),
    /general.name has the unknown value type 77/,
  ],
  [
    'an unknown tensor type',
    patched('output_norm.weight', (bytes, at) => bytes.writeUInt32LE(31, at + 12)),
    /output_norm.weight is stored as type 31/,
  ],
  [
    'a row that is no whole block',
    patched('token_embd.weight', (bytes, at) => bytes.writeBigUInt64LE(33n, at + 4)),
    /token_embd.weight can't be 33 × 5 in Q8_0/,
  ],
  [
    'nine dimensions',
    patched('token_embd.weight', (bytes, at) => bytes.writeUInt32LE(9, at)),
    /claims 9 dimensions/,
  ],
  [
    'a tensor off its alignment',
    patched('output_norm.weight', (bytes, at) => bytes.writeBigUInt64LE(353n, at + 16)),
    /multiple of 32/,
  ],
  [
    'tensors on top of each other',
    patched('output_norm.weight', (bytes, at) => bytes.writeBigUInt64LE(320n, at + 16)),
    /token_embd.weight and output_norm.weight overlap/,
  ],
  ['a cut download', sound.subarray(0, -100), /cut short: 100 bytes are missing/],
  [
    'a key twice',
    Buffer.concat([...encodeGguf([fields[0]!, fields[0]!], [])]),
    /general.architecture stands there twice/,
  ],
  ['a name twice', Buffer.concat([...encodeGguf([], [tensors[0]!, tensors[0]!])]), /twice/],
  [
    'no power of two as alignment',
    Buffer.concat([...encodeGguf([['general.alignment', 'u32', 48]], [])]),
    /alignment is 48/,
  ],
])('refuses %s', async (_, bytes, problem) => {
  const refused = read(bytes)
  await expect(refused).rejects.toMatchObject({ code: 'model/bad-file' })
  await expect(refused).rejects.toThrow(problem)
})

/** An entry `a`: an array of arrays of …, `depth` deep, each of one element. */
function nested(depth: number): Buffer {
  const head = Buffer.alloc(24)
  head.write('GGUF')
  head.writeUInt32LE(3, 4)
  head.writeBigUInt64LE(1n, 16)
  const key = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0x61, 9, 0, 0, 0])
  const level = Buffer.from([9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, key, ...Array.from({ length: depth }, () => level)])
}

test('does not follow arrays down without end', async () => {
  await expect(read(nested(100_000))).rejects.toThrow('a nests arrays deeper than 4')
})

test('keeps no more than a few MB, whatever the file claims', async () => {
  const text = 'x'.repeat(1 << 20)
  const many = Array.from({ length: 40 }, (_, index): GgufField => [
    `text.${index}`,
    'string',
    text,
  ])
  await expect(read(Buffer.concat([...encodeGguf(many, [])]))).rejects.toThrow('more metadata')
})

test('any damage is either harmless or model/bad-file', async () => {
  const damage = fc.array(
    fc.tuple(fc.nat(sound.length - 1), fc.constantFrom(0, 1, 2, 9, 32, 127, 128, 255)),
    { minLength: 1, maxLength: 8 },
  )
  const length = fc.oneof(fc.constant(sound.length), fc.nat(sound.length))
  await fc.assert(
    fc.asyncProperty(damage, length, async (changes, kept) => {
      const bytes = Buffer.from(sound)
      for (const [position, value] of changes) bytes[position] = value
      const outcome = await read(bytes.subarray(0, kept)).catch((thrown: unknown) => thrown)
      if (outcome instanceof Error) expect((outcome as AppError).code).toBe('model/bad-file')
    }),
    { numRuns: 2000 },
  )
})

test('any bytes after a sound start are either harmless or model/bad-file', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(5),
      fc.nat(5),
      async (rest, tensorCount, entryCount) => {
        const head = Buffer.from(sound.subarray(0, 24))
        head.writeBigUInt64LE(BigInt(tensorCount), 8)
        head.writeBigUInt64LE(BigInt(entryCount), 16)
        const outcome = await read(Buffer.concat([head, rest])).catch((thrown: unknown) => thrown)
        if (outcome instanceof Error) expect((outcome as AppError).code).toBe('model/bad-file')
      },
    ),
    { numRuns: 2000 },
  )
})

test('reads a file, and names it when something is wrong', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'baleen-gguf-'))
  try {
    const path = join(directory, 'tiny.gguf')
    await writeFile(path, sound)
    expect((await readGguf(path)).tensors).toHaveLength(2)
    await writeFile(path, sound.subarray(0, 100))
    await expect(readGguf(path)).rejects.toThrow(path)
    await expect(readGguf(directory)).rejects.toMatchObject({ code: 'model/bad-file' })
    await expect(readGguf(`${path}.not`)).rejects.toMatchObject({ code: 'model/not-found' })
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('reads past the window of 64 KiB', async () => {
  const tokens = Array.from({ length: 20_000 }, (_, id) => `a longer token ${id}`)
  const large: GgufField[] = [
    ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.token_type', 'i32[]', tokens.map(() => 1)],
    ['tokenizer.chat_template', 'string', '{{ x }}'.repeat(20_000)],
    ['general.architecture', 'string', 'llama'],
  ]
  const header = await read(Buffer.concat([...encodeGguf(large, tensors)]))
  expect(header.architecture).toBe('llama')
  expect(header.metadata.get('tokenizer.chat_template')).toHaveLength(140_000)
  expect(header.tensors).toHaveLength(2)
})
