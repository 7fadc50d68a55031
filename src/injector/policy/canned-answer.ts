import type { Endpoint } from '../../contract/injection-spec.ts'

const usage = {
  prompt_tokens: 8,
  completion_tokens: 16,
  input_tokens: 8,
  output_tokens: 16,
  total_tokens: 24,
}
const eventCount = 16

/** What a server of this endpoint might answer, in the pieces that it would write. */
export function cannedAnswer(endpoint: Endpoint, isStreaming: boolean): readonly string[] {
  if (!isStreaming) {
    const body = JSON.stringify(wholeBodies[endpoint])
    return [
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ]
  }
  const text = JSON.stringify(eventOf(endpoint, ' word'))
  return [
    'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
    ...Array.from({ length: eventCount }, () => chunkOf(`data: ${text}\n\n`)),
    endsOf(endpoint)
      .map((data) => chunkOf(`data: ${data}\n\n`))
      .join('') + '0\r\n\r\n',
  ]
}

const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const wholeBodies: Record<Endpoint, object> = {
  chat: {
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    usage,
  },
  completions: { choices: [{ index: 0, text: 'hi', finish_reason: 'stop' }], usage },
  responses: { output: [], status: 'completed', usage },
  embeddings: { data: [{ index: 0, embedding: [0.5, 0.25] }], usage },
}

function eventOf(endpoint: Endpoint, text: string): object {
  if (endpoint === 'responses') return { type: 'response.output_text.delta', delta: text }
  const choice = endpoint === 'chat' ? { delta: { content: text } } : { text }
  return { id: 'canned', choices: [{ index: 0, ...choice, finish_reason: null }] }
}

function endsOf(endpoint: Endpoint): string[] {
  if (endpoint === 'responses')
    return [JSON.stringify({ type: 'response.completed', response: { usage } })]
  const choice = endpoint === 'chat' ? { delta: {} } : { text: '' }
  return [
    JSON.stringify({ id: 'canned', choices: [{ index: 0, ...choice, finish_reason: 'stop' }] }),
    JSON.stringify({ id: 'canned', choices: [], usage }),
    '[DONE]',
  ]
}
