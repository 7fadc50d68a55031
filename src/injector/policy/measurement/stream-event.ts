import type { Endpoint } from '../../../contract/injection-spec.ts'

/** What one SSE event of an answer says, as far as measuring goes. */
export interface StreamEvent {
  /** New text, reasoning or tool-call arguments; '' for role-only, empty and usage-only events. */
  readonly text: string
  /** Content that is not reasoning. */
  readonly isAnswer: boolean
  readonly finishReason: string | null
  readonly usage: Usage | null
  readonly error: string | null
  /** The event ends the stream by itself (Responses API). */
  readonly isLast: boolean
}

export interface Usage {
  readonly promptTokens: number | null
  readonly outputTokens: number | null
  readonly cachedTokens: number | null
}

const nothing: StreamEvent = {
  text: '',
  isAnswer: false,
  finishReason: null,
  usage: null,
  error: null,
  isLast: false,
}

/** Null: the JSON is no event of this endpoint. */
export function readStreamEvent(data: unknown, endpoint: Endpoint): StreamEvent | null {
  if (!isRecord(data)) return null
  if (endpoint === 'responses') return readResponsesEvent(data)
  const error = errorOf(data)
  if (error !== null) return { ...nothing, error }
  const usage = usageOf(data['usage'])
  const choices = data['choices']
  if (!Array.isArray(choices)) return usage === null ? null : { ...nothing, usage }
  let text = ''
  let isAnswer = false
  let finishReason: string | null = null
  for (const choice of choices as unknown[]) {
    if (!isRecord(choice)) return null
    const delta = endpoint === 'chat' ? choice['delta'] : choice
    if (isRecord(delta)) {
      const answer = answerOf(delta)
      if (answer !== '') isAnswer = true
      text += reasoningOf(delta) + answer
    }
    if (typeof choice['finish_reason'] === 'string') finishReason = choice['finish_reason']
  }
  return { text, isAnswer, finishReason, usage, error: null, isLast: false }
}

/** The body of an answer that is not streamed. Null: it is none. */
export function readWholeAnswer(data: unknown, endpoint: Endpoint): StreamEvent | null {
  if (!isRecord(data)) return null
  const error = errorOf(data)
  if (error !== null) return { ...nothing, error }
  const usage = usageOf(data['usage'])
  if (endpoint === 'embeddings')
    return Array.isArray(data['data']) ? { ...nothing, usage, finishReason: 'stop' } : null
  if (endpoint === 'responses')
    return Array.isArray(data['output'])
      ? { ...nothing, usage, finishReason: stringOf(data['status']) || 'completed' }
      : null
  const choice: unknown = Array.isArray(data['choices']) ? data['choices'][0] : undefined
  if (!isRecord(choice)) return null
  const message = endpoint === 'chat' ? choice['message'] : choice
  return {
    ...nothing,
    usage,
    text: isRecord(message) ? reasoningOf(message) + answerOf(message) : '',
    finishReason: typeof choice['finish_reason'] === 'string' ? choice['finish_reason'] : null,
  }
}

function readResponsesEvent(data: Record<string, unknown>): StreamEvent | null {
  const type = data['type']
  if (typeof type !== 'string')
    return errorOf(data) === null ? null : { ...nothing, error: errorOf(data) }
  if (type === 'error' || type === 'response.failed')
    return { ...nothing, error: errorOf(data) ?? errorOf(data['response']) ?? type }
  if (type === 'response.completed' || type === 'response.incomplete') {
    const response = data['response']
    const usage = isRecord(response) ? usageOf(response['usage']) : null
    return { ...nothing, usage, finishReason: type.slice('response.'.length), isLast: true }
  }
  if (!type.endsWith('.delta') || typeof data['delta'] !== 'string') return nothing
  return { ...nothing, text: data['delta'], isAnswer: !type.includes('reasoning') }
}

function answerOf(delta: Record<string, unknown>): string {
  let text = stringOf(delta['content']) + stringOf(delta['text']) + stringOf(delta['refusal'])
  const calls = delta['tool_calls']
  if (Array.isArray(calls))
    for (const call of calls as unknown[])
      if (isRecord(call) && isRecord(call['function']))
        text += stringOf(call['function']['arguments'])
  return text
}

const reasoningOf = (delta: Record<string, unknown>): string =>
  stringOf(delta['reasoning_content']) || stringOf(delta['reasoning'])

function errorOf(data: unknown): string | null {
  if (!isRecord(data) || data['error'] === undefined || data['error'] === null) return null
  const { error } = data
  return isRecord(error) && stringOf(error['message'])
    ? stringOf(error['message'])
    : stringOf(error) || JSON.stringify(error)
}

function usageOf(usage: unknown): Usage | null {
  if (!isRecord(usage)) return null
  const details = usage['prompt_tokens_details'] ?? usage['input_tokens_details']
  return {
    promptTokens: countOf(usage['prompt_tokens'] ?? usage['input_tokens']),
    outputTokens: countOf(usage['completion_tokens'] ?? usage['output_tokens']),
    cachedTokens: isRecord(details) ? countOf(details['cached_tokens']) : null,
  }
}

const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const countOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
