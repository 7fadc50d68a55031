/** What the golden server sends for one request, to the byte and the millisecond. */
export interface GoldenScript {
  readonly steps: readonly GoldenStep[]
}

export interface GoldenStep {
  /** After the request has been received whole. */
  readonly afterMs: number
  /** Written to the socket as they are: the head and the framing of HTTP are part of the script. */
  readonly bytes?: Buffer
  /** `fin`: an orderly end of the connection; `rst`: a reset. */
  readonly end?: 'fin' | 'rst'
}

export interface StreamPlan {
  /** One SSE event for each; a text holds `perEvent` tokens in truth. */
  readonly texts: readonly string[]
  readonly firstMs: number
  readonly gapMs: number
  readonly tokensPerEvent?: number
  /** Sent at this time, before any content. */
  readonly roleOnlyMs?: number
  readonly headersMs?: number
  readonly hasUsage?: boolean
  readonly hasFinish?: boolean
  readonly hasDone?: boolean
  readonly lineEnd?: '\n' | '\r\n' | '\r'
  /** Before every event. */
  readonly comment?: string
  /** Replaces the rest after so many events. */
  readonly breakAfter?: number
  readonly breakWith?: 'fin' | 'rst' | 'error-event' | 'garbage' | 'silence'
  readonly reasoningEvents?: number
  readonly promptTokens?: number
  /** Every write is cut into pieces of so many bytes, sent one after the other at the same time. */
  readonly pieceBytes?: number
}

/** Times of the content events of a plan, in milliseconds after the request. */
export const contentTimes = ({ texts, firstMs, gapMs, breakAfter }: StreamPlan): number[] =>
  texts.slice(0, breakAfter).map((_, index) => firstMs + index * gapMs)

export function chatStream(plan: StreamPlan): GoldenScript {
  const { texts, gapMs, lineEnd = '\n', tokensPerEvent = 1, promptTokens = 7 } = plan
  const steps: GoldenStep[] = []
  const event = (data: string): Buffer =>
    chunk(`${plan.comment ? `: ${plan.comment}${lineEnd}` : ''}data: ${data}${lineEnd}${lineEnd}`)
  const send = (afterMs: number, ...parts: Buffer[]) =>
    steps.push({ afterMs, bytes: Buffer.concat(parts) })
  const delta = (delta: object, finish: string | null = null) =>
    event(JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }], usage: null }))

  send(plan.headersMs ?? plan.roleOnlyMs ?? plan.firstMs, streamHead)
  if (plan.roleOnlyMs !== undefined)
    send(plan.roleOnlyMs, delta({ role: 'assistant', content: '' }))
  const times = contentTimes(plan)
  times.forEach((afterMs, index) => {
    const key = index < (plan.reasoningEvents ?? 0) ? 'reasoning_content' : 'content'
    send(afterMs, delta({ [key]: texts[index]! }))
  })
  const lastMs = times.at(-1) ?? plan.firstMs
  const isBroken = plan.breakAfter !== undefined
  if (isBroken && plan.breakWith === 'silence') return cut(steps, plan.pieceBytes)
  if (isBroken && plan.breakWith !== 'error-event' && plan.breakWith !== 'garbage') {
    steps.push({ afterMs: lastMs + gapMs, end: plan.breakWith === 'rst' ? 'rst' : 'fin' })
    return cut(steps, plan.pieceBytes)
  }
  const tail: Buffer[] = []
  if (plan.breakWith === 'error-event')
    tail.push(event(JSON.stringify({ error: { message: 'engine died', code: 500 } })))
  else if (plan.breakWith === 'garbage') tail.push(event('{"choices": [{'))
  else {
    if (plan.hasFinish ?? true) tail.push(delta({}, 'stop'))
    if (plan.hasUsage ?? true)
      tail.push(
        event(
          JSON.stringify({
            choices: [],
            usage: {
              prompt_tokens: promptTokens,
              completion_tokens: texts.length * tokensPerEvent,
            },
          }),
        ),
      )
    if (plan.hasDone ?? true) tail.push(event('[DONE]'))
  }
  send(lastMs + gapMs, ...tail, chunk(''))
  return cut(steps, plan.pieceBytes)
}

/** A whole answer in one write. */
export function plainAnswer(
  status: number,
  body: string,
  { afterMs = 0, contentType = 'application/json' } = {},
): GoldenScript {
  const head =
    `HTTP/1.1 ${status} X\r\ncontent-type: ${contentType}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return { steps: [{ afterMs, bytes: Buffer.from(head + body) }] }
}

export const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
)

/** One chunk of chunked encoding; the empty one ends the message. */
export function chunk(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ])
}

function cut(steps: readonly GoldenStep[], pieceBytes: number | undefined): GoldenScript {
  if (pieceBytes === undefined) return { steps }
  const pieces = steps.flatMap((step): GoldenStep[] => {
    const { bytes, afterMs } = step
    if (bytes === undefined) return [step]
    return Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) => ({
      afterMs,
      bytes: bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
    }))
  })
  return { steps: pieces }
}
