import { linesOf } from './control-client.ts'
import { send } from './http.ts'
import { AppError } from '../core/errors.ts'
import { pause } from './poll.ts'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface ChatUsage {
  readonly promptTokens: number
  readonly completionTokens: number
}

export type ChatPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'usage'; readonly usage: ChatUsage }

export interface GatewayOptions {
  /** `http://127.0.0.1:8080` */
  readonly url: string
  readonly key: string
  /** Just made: gateways learn of it a moment later. */
  readonly isFresh: boolean
  readonly timeoutMs: number
}

/** How long a new key may take to arrive at a gateway. */
const keyArrivalMs = 5000

/** A streamed answer, piece by piece. Errors: what the gateway said, `cli/…`. */
export async function* chat(
  gateway: GatewayOptions,
  model: string,
  messages: readonly ChatMessage[],
  interrupt: AbortSignal,
): AsyncGenerator<ChatPart> {
  const call = {
    url: `${gateway.url}/v1/chat/completions`,
    method: 'POST',
    token: gateway.key,
    body: { model, messages, stream: true, stream_options: { include_usage: true } },
    timeoutMs: gateway.timeoutMs,
    interrupt,
  }
  const deadlineMs = performance.now() + (gateway.isFresh ? keyArrivalMs : 0)
  for (;;)
    try {
      for await (const line of linesOf(await send(call), call)) yield* partsOf(line)
      return
    } catch (thrown) {
      const isUnknown = thrown instanceof AppError && thrown.code === 'key/unknown'
      if (!isUnknown || performance.now() >= deadlineMs) throw thrown
      await pause(100, interrupt)
    }
}

/** One line of an event stream. */
export function* partsOf(line: string): Generator<ChatPart> {
  if (!line.startsWith('data:')) return
  const data = line.slice('data:'.length).trim()
  if (data === '' || data === '[DONE]') return
  const chunk = parseChunk(data)
  if (chunk.error)
    throw new AppError('gateway/upstream-failed', { message: String(chunk.error.message) })
  const text = chunk.choices?.[0]?.delta?.content
  if (text) yield { kind: 'text', text }
  if (chunk.usage)
    yield {
      kind: 'usage',
      usage: {
        promptTokens: chunk.usage.prompt_tokens ?? 0,
        completionTokens: chunk.usage.completion_tokens ?? 0,
      },
    }
}

interface Chunk {
  readonly error?: { readonly message?: string }
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null
}

function parseChunk(data: string): Chunk {
  try {
    return JSON.parse(data) as Chunk
  } catch (cause) {
    throw new AppError('cli/bad-answer', { message: 'the stream holds a broken line', cause })
  }
}
