import { describe, expect, it } from 'vitest'
import { chatRequest, completionRequest, embeddingRequest, parseRequest } from './requests.ts'

const messages = [{ role: 'user', content: 'Hi' }]

describe('what is wrong with a request', () => {
  it.each([
    [chatRequest, { messages, stop: 3 }, 'stop', 'expected string or array, received number'],
    [
      chatRequest,
      { messages, stop: ['a', 'b', 'c', 'd', 'e'] },
      'stop',
      'expected array to have <=4 items',
    ],
    [chatRequest, { messages, stop: '' }, 'stop', 'expected string to have >=1 characters'],
    [chatRequest, { messages, temperature: 3 }, 'temperature', 'expected number to be <=2'],
    [
      chatRequest,
      { messages: [{ role: 'user', content: 3 }] },
      'messages.0.content',
      'expected string or array, received number',
    ],
    [
      chatRequest,
      { messages: [{ role: 'user', content: [{ text: 'Hi' }] }] },
      'messages.0.content.0.type',
      'expected string, received undefined',
    ],
    [
      embeddingRequest,
      { input: Array.from({ length: 3000 }, () => 'a') },
      'input',
      'expected array to have <=2048 items',
    ],
    [embeddingRequest, { input: [] }, 'input', 'expected array to have >=1 items'],
    [embeddingRequest, { input: 3 }, 'input', 'expected string or array, received number'],
    [completionRequest, { prompt: [-1] }, 'prompt.0', 'expected number to be >=0'],
    [completionRequest, {}, 'prompt', 'expected string or array, received undefined'],
    [chatRequest, [], undefined, 'expected object, received array'],
  ] as const)('is told by name: %#', (schema, body, param, text) => {
    const message = param === undefined ? text : `${param}: ${text}`
    const refused = expect.objectContaining({ code: 'request/invalid', message, param }) as Error
    expect(() => parseRequest(schema, body)).toThrow(refused)
  })

  it('is nothing where a client writes null for what it leaves out', () => {
    const said = { role: 'user', content: 'Hi', name: null, tool_call_id: null, tool_calls: null }
    expect(parseRequest(chatRequest, { messages: [said], stop: null }).messages).toHaveLength(1)
  })
})
