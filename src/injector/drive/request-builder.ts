import { requestBody } from '../policy/request-body.ts'
import { imagesOf, textOf, type Message } from '../policy/workload/message.ts'
import { promptOf, toolsOf, type PromptSources } from '../policy/workload/prompt.ts'
import type { Target } from './target.ts'

/** Bytes of requests, built before they fall due: a long prompt must not delay its own or another's start. */
export interface RequestBuilder {
  /** The request with its head. `messages`: of a call within a session; else the request stands alone. */
  build(entry: number, request: number, messages?: readonly Message[]): Buffer
  /** Builds the request of an entry that stands alone ahead of its time. False: enough is held already. */
  prefetch(entry: number): boolean
}

const aheadMax = 256
const aheadBytesMax = 64 * 2 ** 20
const noBytes: Buffer = Buffer.alloc(0)

export function createRequestBuilder(
  sources: PromptSources,
  target: Target,
  runId: string,
): RequestBuilder {
  const { spec, schedule } = sources
  /** A ring of those that are next, in their order. */
  const ahead = Array.from({ length: aheadMax }, () => ({ entry: -1, bytes: noBytes }))
  let first = 0
  let count = 0
  let aheadBytes = 0

  /** What was built for an entry. Entries before it will not come any more. */
  function takeAhead(entry: number): Buffer | null {
    while (count > 0) {
      const slot = ahead[first % aheadMax]!
      if (slot.entry > entry) return null
      const { bytes } = slot
      slot.bytes = noBytes
      first++
      count--
      aheadBytes -= bytes.length
      if (slot.entry === entry) return bytes
    }
    return null
  }

  function make(entry: number, request: number, messages?: readonly Message[]): Buffer {
    const body = requestBody(spec, {
      model: spec.models[schedule.models[entry]!]!.name,
      messages: messages ?? promptOf(sources, entry, request),
      tools: toolsOf(sources, entry),
      outputTokens: schedule.outputTokens[entry]!,
    })
    return Buffer.from(
      `POST ${target.path} HTTP/1.1\r\n${target.headers}x-request-id: ${runId}-${request}\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }

  return {
    build(entry, request, messages) {
      const prepared = entry === request && messages === undefined ? takeAhead(entry) : null
      return prepared ?? make(entry, request, messages)
    },
    prefetch(entry) {
      if (count >= aheadMax || aheadBytes >= aheadBytesMax) return false
      const slot = ahead[(first + count++) % aheadMax]!
      slot.entry = entry
      slot.bytes = make(entry, entry)
      aheadBytes += slot.bytes.length
      return true
    },
  }
}

/** Characters that make a token, at least; and tokens that a picture costs, at most about. */
const charactersPerToken = 3
const tokensPerImage = 2000

/** What a prompt may cost at most, for budgets: the drawn length says nothing of what a conversation carries. */
export const tokensAtMost = (messages: readonly Message[]): number =>
  messages.reduce(
    (sum, message) => sum + Math.ceil(textOf(message).length / charactersPerToken),
    0,
  ) +
  imagesOf(messages) * tokensPerImage
