import { describe, expect, it } from 'vitest'
import { createChatTemplate } from './chat-template.ts'
import { createPromptReader } from './prompt.ts'
import type { Vocabulary } from './vocabulary.ts'

const bos = 1
/** One token a letter; `<s>` is BOS. */
const vocabulary: Vocabulary = {
  size: 0x1_0000,
  bosToken: bos,
  tokenize: (text) =>
    Uint32Array.from(
      text.startsWith('<s>')
        ? [bos, ...Array.from(text.slice(3), (letter) => letter.charCodeAt(0))]
        : Array.from(text, (letter) => letter.charCodeAt(0)),
    ),
  bytesOf: () => new Uint8Array(0),
  nameOf: () => '',
  isEnd: () => false,
}
const reader = (template: string, addsBos: boolean) =>
  createPromptReader(
    vocabulary,
    { addsBos, embeddingFrame: { before: [101], after: [102] } },
    createChatTemplate(template, { bosText: '<s>', eosText: '</s>' }),
  )
const plain = '{{ messages[0].content }}'
const withBos = '{{ bos_token }}{{ messages[0].content }}'

describe('prompts', () => {
  it('start with BOS where the file says so, once', () => {
    expect([...reader(plain, true).text('A')]).toEqual([bos, 65])
    expect([...reader(plain, true).chat('A')]).toEqual([bos, 65])
    expect([...reader(withBos, true).chat('<s>A')]).toEqual([bos, 65])
  })

  it('start with BOS where every chat does, whatever the file says', () => {
    expect([...reader(withBos, false).text('A')]).toEqual([bos, 65])
    expect([...reader(withBos, false).chat('<s>A')]).toEqual([bos, 65])
  })

  it('have none where neither has', () => {
    expect([...reader(plain, false).text('A')]).toEqual([65])
  })

  it('to embed are framed', () => {
    expect([...reader(plain, false).embedding('A')]).toEqual([101, 65, 102])
  })

  it('of a template that raises are refused with its words', () => {
    const template = createChatTemplate("{{ raise_exception('roles must alternate') }}", {
      bosText: '',
      eosText: '',
    })
    expect(() => template.render({ messages: [] })).toThrow(/roles must alternate/)
  })

  it('without a template are ChatML', () => {
    const template = createChatTemplate(null, { bosText: '', eosText: '' })
    expect(template.render({ messages: [{ role: 'user', content: 'Hi' }] })).toBe(
      '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    )
  })
})
