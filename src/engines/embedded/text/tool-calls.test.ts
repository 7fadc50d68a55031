import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createToolCallReader, type ToolText } from './tool-calls.ts'

function read(pieces: readonly string[]): ToolText {
  const reader = createToolCallReader()
  const parts = [...pieces.map((piece) => reader.push(piece)), reader.end()]
  return {
    content: parts.map((part) => part.content).join(''),
    calls: parts.flatMap((part) => part.calls),
  }
}
const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
const weather = { name: 'weather', arguments: '{"city":"Paris"}' }

describe('tool calls in an answer', () => {
  it('are taken out, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
        const text = `Let me see. ${call}\n${call}`
        const pieces: string[] = []
        for (let at = 0, index = 0; at < text.length; index++) {
          pieces.push(text.slice(at, at + sizes[index % sizes.length]!))
          at += sizes[index % sizes.length]!
        }
        expect(read(pieces)).toEqual({ content: 'Let me see. ', calls: [weather, weather] })
      }),
    )
  })

  it('may lack the closing tag at the end', () => {
    expect(read([call.replace('\n</tool_call>', '')])).toEqual({ content: '', calls: [weather] })
  })

  it('that are broken stay text', () => {
    for (const text of ['<tool_call>{"name": 3}</tool_call>', '<tool_call>{oops', 'a <tool_c'])
      expect(read([text])).toEqual({ content: text, calls: [] })
  })

  it('let text through at once where it can be no tag', () => {
    const reader = createToolCallReader()
    expect(reader.push('1 < 2 and <t').content).toBe('1 < 2 and ')
    expect(reader.push('ag>').content).toBe('<tag>')
  })
})
