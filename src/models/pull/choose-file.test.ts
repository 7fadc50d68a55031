import { expect, test } from 'vitest'
import { chooseFile, hasQuantisation, partsOf, stemOf } from './choose-file.ts'

const choose = (paths: string[], quantisation: string | null = null) =>
  chooseFile('org/repo', paths, quantisation).paths

test.each<[string, string[], readonly string[]]>([
  ['the only one', ['README.md', 'x.gguf'], ['x.gguf']],
  ['the model, not its projector', ['x-F16.gguf', 'mmproj-x-F16.gguf'], ['x-F16.gguf']],
  ['Q4_K_M', ['x-Q2_K.gguf', 'x-Q4_K_M.gguf', 'x-Q8_0.gguf'], ['x-Q4_K_M.gguf']],
  ['else Q8_0', ['x-Q2_K.gguf', 'x.q8_0.gguf'], ['x.q8_0.gguf']],
  [
    'all parts',
    ['Q2/x-00001-of-00002.gguf', 'Q2/x-00002-of-00002.gguf'],
    ['Q2/x-00001-of-00002.gguf', 'Q2/x-00002-of-00002.gguf'],
  ],
])('takes %s', (_, paths, chosen) => {
  expect(choose(paths)).toEqual(chosen)
})

test('takes the quantisation asked for', () => {
  const paths = ['x-Q4_K_S.gguf', 'x-Q4_K_M.gguf', 'x-IQ4_XS.gguf', 'x-Q4_0.gguf']
  expect(choose(paths, 'q4_k_s')).toEqual(['x-Q4_K_S.gguf'])
  expect(() => choose(paths, 'Q4_K')).toThrow('x-Q4_K_S.gguf')
})

test('says which one and why', () => {
  const { reason } = chooseFile('org/repo', ['x-Q4_K_M.gguf', 'x-Q8_0.gguf'], null)
  expect(reason).toBe('Q4_K_M of the 2 files in org/repo; add :NAME for another')
})

test('lists what is there when it can not tell', () => {
  expect(() => choose(['a/x-Q4_K_M.gguf', 'b/x-Q4_K_M.gguf'])).toThrow(
    'org/repo has 2 GGUF files: a/x-Q4_K_M.gguf, b/x-Q4_K_M.gguf',
  )
  const many = Array.from({ length: 50 }, (_, index) => `x${index}.gguf`)
  expect(() => choose(many)).toThrow('and 20 more')
})

test('says where to look when there is nothing', () => {
  expect(() => choose(['model.safetensors'])).toThrow(
    expect.objectContaining({ code: 'model/not-found', hint: expect.stringContaining('-GGUF') }),
  )
})

test('knows the parts of a split file by any of them', () => {
  expect(partsOf('d/x-00002-of-00003.gguf')).toEqual([
    'd/x-00001-of-00003.gguf',
    'd/x-00002-of-00003.gguf',
    'd/x-00003-of-00003.gguf',
  ])
  expect(partsOf('x.gguf')).toEqual(['x.gguf'])
  expect(partsOf('x-00001-of-99999.gguf')).toEqual(['x-00001-of-99999.gguf'])
  expect(stemOf('d/x-00002-of-00003.gguf')).toBe('d/x')
  expect(stemOf('X.Q8_0.GGUF')).toBe('X.Q8_0')
})

test('odd quantisation names are only names', () => {
  expect(hasQuantisation('x-Q4.gguf', '.*')).toBe(false)
  expect(hasQuantisation('x-(.gguf', '(')).toBe(true)
})
