import { randomUUID } from 'node:crypto'

/** What the fake reads of a request; the rest is ignored as a real engine ignores unknown parameters. */
export interface FakeBody {
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean } | null
  readonly messages?: readonly { readonly content?: unknown }[]
  readonly prompt?: unknown
  readonly input?: unknown
  readonly model?: string
  readonly max_tokens?: number | null
  readonly max_completion_tokens?: number | null
  readonly encoding_format?: string
}

interface Voice {
  readonly tokens: readonly string[]
  readonly model: string
  readonly cachedTokens: number
  readonly embeddingDimensions: number
}

export function parseBody(text: string): FakeBody | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as FakeBody) : undefined
  } catch {
    return undefined
  }
}

export function error(status: number, message: string): string {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  return JSON.stringify({ error: { message, type, param: null, code: null } })
}

export const models = (id: string): string =>
  JSON.stringify({
    object: 'list',
    data: [{ id, object: 'model', created: 1_700_000_000, owned_by: 'baleen' }],
  })

export function health(state: 'loading' | 'ready' | 'failed'): [status: number, body: string] {
  const reasons = { loading: 'loading the model, 40 %', ready: 'ready', failed: 'out of memory' }
  return [
    state === 'ready' ? 200 : state === 'loading' ? 503 : 500,
    JSON.stringify({ state, reason: reasons[state] }),
  ]
}

/** The frames of a stream and the whole answer of one request. */
export interface Script {
  readonly tokens: readonly string[]
  readonly opening: readonly string[]
  frame(token: string): string
  readonly closing: readonly string[]
  readonly whole: string
}

export function createScript(path: string, body: FakeBody, voice: Voice): Script {
  const isChat = path === '/v1/chat/completions'
  const limit = body.max_completion_tokens ?? body.max_tokens ?? Infinity
  const tokens = voice.tokens.slice(0, limit)
  const finish = tokens.length < voice.tokens.length ? 'length' : 'stop'
  const head = {
    id: `${isChat ? 'chatcmpl' : 'cmpl'}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: body.model ?? voice.model,
  }
  const usage = usageOf(body, tokens.length, voice.cachedTokens)
  const withUsage = body.stream_options?.include_usage === true
  const text = tokens.join('')

  const choice = (content: object, reason: string | null): object =>
    isChat
      ? { index: 0, delta: content, logprobs: null, finish_reason: reason }
      : { index: 0, text: '', ...content, logprobs: null, finish_reason: reason }
  const frameOf = (choices: object[], usageField?: object): string =>
    `data: ${JSON.stringify({
      ...head,
      object: isChat ? 'chat.completion.chunk' : 'text_completion',
      choices,
      ...(usageField ? { usage: usageField } : withUsage ? { usage: null } : {}),
    })}\n\n`

  return {
    tokens,
    opening: isChat ? [frameOf([choice({ role: 'assistant', content: '' }, null)])] : [],
    frame: (token) => frameOf([choice(isChat ? { content: token } : { text: token }, null)]),
    closing: [
      frameOf([choice({}, finish)]),
      ...(withUsage ? [frameOf([], usage)] : []),
      'data: [DONE]\n\n',
    ],
    whole: JSON.stringify({
      ...head,
      object: isChat ? 'chat.completion' : 'text_completion',
      choices: [
        isChat
          ? {
              index: 0,
              message: { role: 'assistant', content: text, refusal: null },
              logprobs: null,
              finish_reason: finish,
            }
          : { index: 0, text, logprobs: null, finish_reason: finish },
      ],
      usage,
    }),
  }
}

export function embeddings(body: FakeBody, voice: Voice): string {
  const inputs =
    Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input : [body.input]
  const data = inputs.map((input: unknown, index) => {
    const vector = Float32Array.from({ length: voice.embeddingDimensions }, (_, at) =>
      at === wordsOf(input) % voice.embeddingDimensions ? 1 : 0,
    )
    const embedding =
      body.encoding_format === 'base64'
        ? Buffer.from(vector.buffer).toString('base64')
        : Array.from(vector)
    return { object: 'embedding', index, embedding }
  })
  const promptTokens = inputs.reduce((sum: number, input: unknown) => sum + wordsOf(input), 0)
  return JSON.stringify({
    object: 'list',
    data,
    model: body.model ?? voice.model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  })
}

/** Prometheus text with the names of the embedded engine. */
export function metrics(
  requests: readonly { state: string; tokensSent: number; body: FakeBody | undefined }[],
): string {
  const label = '{model_name="fake",engine="0"}'
  const sum = (value: (request: (typeof requests)[number]) => number): number =>
    requests.reduce((total, request) => total + value(request), 0)
  const running = sum((request) => Number(request.state === 'running'))
  const rows: [name: string, type: string, value: number][] = [
    ['vllm:num_requests_running', 'gauge', running],
    ['vllm:num_requests_waiting', 'gauge', 0],
    ['vllm:kv_cache_usage_perc', 'gauge', Math.min(1, running / 8)],
    ['vllm:prompt_tokens_total', 'counter', sum((request) => promptWords(request.body ?? {}))],
    ['vllm:generation_tokens_total', 'counter', sum((request) => request.tokensSent)],
    ['vllm:prefix_cache_queries_total', 'counter', 0],
    ['vllm:prefix_cache_hits_total', 'counter', 0],
  ]
  return rows
    .map(([name, type, value]) => `# TYPE ${name} ${type}\n${name}${label} ${value}\n`)
    .join('')
}

/** Words stand in for tokens. */
function wordsOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + wordsOf(item), 0)
  if (typeof value === 'number') return 1
  return typeof value === 'string' ? value.split(/\s+/).filter(Boolean).length : 0
}

const promptWords = (body: FakeBody): number =>
  wordsOf(body.prompt) +
  wordsOf(body.input) +
  (body.messages ?? []).reduce((sum, message) => sum + wordsOf(message.content), 0)

function usageOf(body: FakeBody, completionTokens: number, cachedTokens: number): object {
  const promptTokens = promptWords(body)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: Math.min(cachedTokens, promptTokens) },
  }
}
