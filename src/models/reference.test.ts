import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../core/errors.ts'
import { formatReference, type ModelReference, parseReference } from './reference.ts'

const hub = (
  repository: string,
  rest: Partial<Extract<ModelReference, { kind: 'hub' }>> = {},
): ModelReference => ({
  kind: 'hub',
  repository,
  file: null,
  quantisation: null,
  revision: null,
  ...rest,
})

test.each<[string, ModelReference]>([
  ['bundled:minimind2-small', { kind: 'bundled', name: 'minimind2-small' }],
  ['tinyllama-1.1b-chat-iq2_xxs', { kind: 'name', name: 'tinyllama-1.1b-chat-iq2_xxs' }],
  ['/models/Some Model.GGUF', { kind: 'path', path: '/models/Some Model.GGUF' }],
  ['/var/blobs/sha256-1234', { kind: 'path', path: '/var/blobs/sha256-1234' }],
  ['models/x.gguf', { kind: 'path', path: 'models/x.gguf' }],
  ['./x', { kind: 'path', path: './x' }],
  ['C:\\models\\x', { kind: 'path', path: 'C:\\models\\x' }],
  ['file:///a%20b/x.gguf', { kind: 'path', path: '/a b/x.gguf' }],
  ['Qwen/Qwen3-8B-GGUF', hub('Qwen/Qwen3-8B-GGUF')],
  ['Qwen/Qwen3-8B-GGUF:Q8_0', hub('Qwen/Qwen3-8B-GGUF', { quantisation: 'Q8_0' })],
  ['hf:Qwen/Qwen3-8B-GGUF', hub('Qwen/Qwen3-8B-GGUF')],
  ['hf:a/b.c/sub/x-Q4_K_M.gguf', hub('a/b.c', { file: 'sub/x-Q4_K_M.gguf' })],
  ['hf:a/b/x.gguf@refs/pr/1', hub('a/b', { file: 'x.gguf', revision: 'refs/pr/1' })],
  ['hf:a/b:Q8_0@v1', hub('a/b', { quantisation: 'Q8_0', revision: 'v1' })],
  ['https://huggingface.co/a/b', hub('a/b')],
  ['https://hf.co/a/b/tree/main', hub('a/b')],
  ['https://huggingface.co/a/b/blob/main/x.gguf', hub('a/b', { file: 'x.gguf' })],
  [
    'https://huggingface.co/a/b/resolve/v2/dir/x%20y.gguf?download=true',
    hub('a/b', { file: 'dir/x y.gguf', revision: 'v2' }),
  ],
  ['https://host.example/x.gguf?a=b#c', { kind: 'url', url: 'https://host.example/x.gguf?a=b' }],
  ['npm:tiny-model', { kind: 'npm', packages: [{ name: 'tiny-model', version: null }] }],
  [
    'npm:slaunt-part1@0.1.0+@scope/part2@0.1.0,third@latest',
    {
      kind: 'npm',
      packages: [
        { name: 'slaunt-part1', version: '0.1.0' },
        { name: '@scope/part2', version: '0.1.0' },
        { name: 'third', version: 'latest' },
      ],
    },
  ],
])('reads %s', (text, reference) => {
  expect(parseReference(text)).toEqual(reference)
})

test.each([
  '',
  'Not A Name',
  'bundled:../../etc/passwd',
  'hf:only-one',
  'hf:a/b/../c.gguf',
  'hf:a/b/x.safetensors',
  'hf:a/b/x\n.gguf',
  'hf:../b',
  'https://huggingface.co/datasets/a/b',
  'https://huggingface.co/a/b/blob/main/%zz.gguf',
  'https://host.example/x.bin',
  'https://user:secret@host.example/x.gguf',
  'https://',
  'https://host.example/%zz.gguf',
  'file://elsewhere/x.gguf',
  'npm:',
  'npm:a@^1.0',
  'npm:../a',
  'npm:a++b',
  'ollama:llama3',
  'a\0.gguf',
  `npm:${'a'.repeat(2000)}`,
])('refuses %j', (text) => {
  expect(() => parseReference(text)).toThrow(
    expect.objectContaining({ code: 'model/bad-reference' }),
  )
})

test('the canonical spelling means the same', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}[a-z]$/)
  const part = fc.oneof(
    word,
    fc.constantFrom(
      'hf:',
      'npm:',
      'bundled:',
      'https://',
      'https://host.example/%zz.gguf',
      '/',
      '@',
      ':',
      '+',
      '.gguf',
      'main',
      ' ',
    ),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      let reference: ModelReference
      try {
        reference = parseReference(parts.join(''))
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(AppError)
        return
      }
      expect(parseReference(formatReference(reference))).toEqual(reference)
    }),
    { numRuns: 5000 },
  )
})
