import {
  promptOf,
  requestBody,
  sharedPrefixOf,
  type BodySources,
  type Message,
} from '../policy/request-body.ts'
import type { Target } from './target.ts'

/** Bytes of requests, built before they fall due: a long prompt must not delay its own or another's start. */
export interface RequestBuilder {
  /** The request with its head; `history` is what the conversation holds so far. */
  build(entry: number, request: number, history: readonly Message[]): Buffer
  /** The messages of a request, for the history of the next turn. */
  messagesOf(entry: number, request: number, history: readonly Message[]): Message[]
  /** Builds the first turn of an entry ahead. False: enough is held already. */
  prefetch(entry: number): boolean
}

const aheadMax = 256
const aheadBytesMax = 64 * 2 ** 20

export function createRequestBuilder(
  sources: BodySources,
  target: Target,
  runId: string,
): RequestBuilder {
  const { spec, schedule } = sources
  const ahead = new Map<number, Buffer>()
  let aheadBytes = 0

  function messagesOf(entry: number, request: number, history: readonly Message[]): Message[] {
    const content = promptOf(sources, entry, request)
    if (history.length > 0) return [...history, { role: 'user', content }]
    const prompt = sources.dataset[schedule.rows[entry]! % (sources.dataset.length || 1)]
    const system = [prompt?.system, sharedPrefixOf(sources, entry)].filter(Boolean).join('\n')
    return system === ''
      ? [{ role: 'user', content }]
      : [
          { role: 'system', content: system },
          { role: 'user', content },
        ]
  }

  function make(entry: number, request: number, history: readonly Message[]): Buffer {
    const model = spec.models[schedule.models[entry]!]!.name
    const messages = messagesOf(entry, request, history)
    const body = requestBody(spec, model, schedule.outputTokens[entry]!, messages)
    return Buffer.from(
      `POST ${target.path} HTTP/1.1\r\n${target.headers}x-request-id: ${runId}-${request}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }

  return {
    messagesOf,
    build(entry, request, history) {
      const prepared = entry === request && history.length === 0 ? ahead.get(entry) : undefined
      if (prepared === undefined) return make(entry, request, history)
      ahead.delete(entry)
      aheadBytes -= prepared.length
      return prepared
    },
    prefetch(entry) {
      if (ahead.size >= aheadMax || aheadBytes >= aheadBytesMax) return false
      const request = make(entry, entry, [])
      ahead.set(entry, request)
      aheadBytes += request.length
      return true
    },
  }
}
