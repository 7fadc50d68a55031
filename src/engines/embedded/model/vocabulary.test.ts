import { describe, expect, it } from 'vitest'
import { decodeToken } from './vocabulary.ts'

const normal = 1 << 2
const control = 1 << 3
const userDefined = 1 << 4
const byte = 1 << 5
const decode = (text: string, attributes: number, spelling: 'spm' | 'bpe'): string =>
  Buffer.from(decodeToken({ text, attributes }, spelling)).toString('latin1')

describe('token bytes', () => {
  it.each([
    ['▁Hello', normal, 'spm', ' Hello'],
    ['<0x0A>', byte, 'spm', '\n'],
    ['<0xF0>', byte, 'spm', '\u00F0'],
    ['</s>', control, 'spm', ''],
    ['<tool_call>', userDefined, 'spm', '<tool_call>'],
    ['Ġworld', normal, 'bpe', ' world'],
    ['Ċ', normal, 'bpe', '\n'],
    ['Ã', normal, 'bpe', '\u00C3'],
    ['ł', normal, 'bpe', '\u00A0'],
    ['Ń', normal, 'bpe', '\u00AD'],
    ['<|im_end|>', control, 'bpe', ''],
    ['Ġraw', userDefined, 'bpe', Buffer.from('Ġraw').toString('latin1')],
  ] as const)('of %j (%i, %s)', (text, attributes, spelling, bytes) => {
    expect(decode(text, attributes, spelling)).toBe(bytes)
  })
})
