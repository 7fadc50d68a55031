import { AppError } from '../../../core/errors.ts'
import { createId } from '../../../core/id.ts'
import type { GenerationEnd } from '../batch/generation.ts'
import { createToolCallReader, type ToolCall, type ToolText } from '../text/tool-calls.ts'
import type { AnswerListener } from './answer.ts'
import type { EventStream } from './event-stream.ts'
import { describeChoice, type ChosenLogprob } from './logprobs.ts'
import type { Serving } from './serving.ts'

/** What all choices of one request share. */
export interface Chat {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly hasTools: boolean
  /** Null: no log probabilities. */
  readonly topLogprobs: number | null
  readonly callsMax: number
}

export const head = ({ id, created, model }: Chat, object: string) => ({
  id,
  object,
  created,
  model,
  system_fingerprint: null,
})

/** Splits an answer into text and tool calls, and keeps the log probabilities of what was not handed out yet. */
function createReader(serving: Serving, chat: Chat) {
  const tools = chat.hasTools ? createToolCallReader() : null
  let logprobs: ChosenLogprob[] = []
  let calls = 0
  const limit = ({ content, calls: found }: ToolText): ToolText => {
    const kept = found.slice(0, chat.callsMax - calls)
    calls += kept.length
    return { content, calls: kept }
  }
  return {
    onToken: ((token, distribution) => {
      if (distribution && chat.topLogprobs !== null)
        logprobs.push(describeChoice(serving.vocabulary, token, distribution, chat.topLogprobs))
    }) satisfies AnswerListener['onToken'],
    read: (text: string): ToolText =>
      tools ? limit(tools.push(text)) : { content: text, calls: [] },
    readEnd: (): ToolText => (tools ? limit(tools.end()) : { content: '', calls: [] }),
    takeLogprobs() {
      if (chat.topLogprobs === null) return null
      const taken = { content: logprobs, refusal: null }
      logprobs = []
      return taken
    },
    finishReason: (end: GenerationEnd): string => (calls > 0 ? 'tool_calls' : end.reason),
  }
}

/** Collects an answer that is sent whole. */
export function createCollector(serving: Serving, chat: Chat) {
  const reader = createReader(serving, chat)
  let content = ''
  const calls: ToolCall[] = []
  let ended: GenerationEnd | null = null
  const add = (text: ToolText): void => {
    content += text.content
    calls.push(...text.calls)
  }
  const listener: AnswerListener = {
    onToken: reader.onToken,
    onText: (text) => add(reader.read(text)),
    onEnd(end) {
      add(reader.readEnd())
      ended = end
    },
  }
  const end = (): GenerationEnd => {
    if (!ended) throw new AppError('engine/failed', { message: 'the answer did not end' })
    return ended
  }
  return {
    listener,
    end,
    whole: (index: number) => ({
      index,
      message: {
        role: 'assistant',
        content: calls.length > 0 && content.trim() === '' ? null : content,
        refusal: null,
        ...(calls.length > 0 ? { tool_calls: calls.map(toApiCall) } : {}),
      },
      logprobs: reader.takeLogprobs(),
      finish_reason: reader.finishReason(end()),
    }),
  }
}

/** Writes an answer out as it comes. */
export function createStreamer(
  serving: Serving,
  chat: Chat,
  index: number,
  withUsage: boolean,
  stream: EventStream,
  ends: GenerationEnd[],
): AnswerListener {
  const reader = createReader(serving, chat)
  // Only the delta differs from chunk to chunk: the rest is written out once.
  const before = `${JSON.stringify(head(chat, 'chat.completion.chunk')).slice(0, -1)},"choices":[{"index":${index},"delta":`
  const after = withUsage ? ',"usage":null}' : '}'
  const chunk = (delta: string, finish: string | null): void => {
    const logprobs = chat.topLogprobs === null ? 'null' : JSON.stringify(reader.takeLogprobs())
    const reason = finish === null ? 'null' : `"${finish}"`
    stream.send(`${before}${delta},"logprobs":${logprobs},"finish_reason":${reason}}]${after}`)
  }
  let isStarted = false
  let callIndex = 0
  const start = (): void => {
    if (isStarted) return
    isStarted = true
    stream.send(
      `${before}{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]${after}`,
    )
  }
  const show = ({ content, calls }: ToolText): void => {
    if (content !== '') chunk(`{"content":${JSON.stringify(content)}}`, null)
    for (const call of calls)
      chunk(JSON.stringify({ tool_calls: [{ index: callIndex++, ...toApiCall(call) }] }), null)
  }
  return {
    onToken(token, distribution) {
      start()
      reader.onToken(token, distribution)
    },
    onText: (text) => show(reader.read(text)),
    onEnd(end) {
      start()
      show(reader.readEnd())
      ends[index] = end
      chunk('{}', reader.finishReason(end))
    },
  }
}

const toApiCall = (call: ToolCall) => ({
  id: createId('call'),
  type: 'function',
  function: { name: call.name, arguments: call.arguments },
})
