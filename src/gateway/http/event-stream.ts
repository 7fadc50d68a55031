import { asEvent } from './answer.ts'
import { normaliseEvent } from './foreign-error.ts'
import { hasUsage, readUsage, type Usage } from './usage.ts'

/** A frame without an end is no frame: the engine is broken, or hostile. */
const frameBytesMax = 8 * 2 ** 20

/**
 * Reads a stream of server-sent events as it passes. Only whole frames go on, so that an error can be put behind
 * them at any time; the engine's frames are never re-cut or re-encoded. A chunk of whole frames is passed on as is.
 */
export class EventStream {
  usage: Usage | null = null
  /** The last frame, `data: [DONE]`, has come. */
  isDone = false
  /** The engine has put an error into the stream. */
  hasError = false
  /** Chunks from the first with content on. */
  contentChunks = 0
  isOversized = false
  readonly #stripsUsage: boolean
  #partial: Buffer | null = null

  /** `stripsUsage`: the gateway asked for the usage chunk, not the client. */
  constructor(stripsUsage: boolean) {
    this.#stripsUsage = stripsUsage
  }

  /** What the client gets now; null: nothing yet. */
  push(chunk: Buffer): Buffer | null {
    const bytes = this.#partial ? Buffer.concat([this.#partial, chunk]) : chunk
    const end = framesEnd(bytes)
    this.#partial = end < bytes.length ? bytes.subarray(end) : null
    if (this.#partial && this.#partial.length > frameBytesMax) this.isOversized = true
    if (end === 0) return null
    const frames = end === bytes.length ? bytes : bytes.subarray(0, end)
    if (endsWithDone(frames)) this.isDone = true
    const isPlain = this.contentChunks > 0 && !hasUsage(frames) && !startsWithError(frames)
    if (!isPlain) return this.#inspect(frames)
    this.contentChunks++
    return frames
  }

  /** What is left when the engine has ended the stream in the middle of a frame. */
  rest(): Buffer | null {
    return this.#partial
  }

  /** Frame by frame: until the first content, and where usage is. */
  #inspect(frames: Buffer): Buffer | null {
    const kept: Buffer[] = []
    let hasContent = this.contentChunks > 0
    for (let from = 0; from < frames.length;) {
      const to = frameEnd(frames, from)
      const frame = frames.subarray(from, to)
      const event = parseFrame(frame)
      from = to
      hasContent ||= event !== null && bearsContent(event)
      const isError = event?.error !== undefined
      if (isError) this.hasError = true
      const usage = readUsage(event?.usage)
      if (usage) this.usage = usage
      const isExtra = usage && Array.isArray(event?.choices) && event.choices.length === 0
      if (isExtra && this.#stripsUsage) continue
      const plain = isError ? normaliseEvent(event as Record<string, unknown>) : null
      kept.push(plain ? asEvent(plain) : frame)
    }
    if (hasContent) this.contentChunks++
    if (kept.length === 0) return null
    return kept.length === 1 ? kept[0]! : Buffer.concat(kept)
  }
}

interface StreamEvent {
  readonly choices?: unknown
  readonly usage?: unknown
  readonly error?: unknown
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const doneMark = Buffer.from('[DONE]')
const errorMark = Buffer.from('{"error"')

/** Behind the last whole frame. */
function framesEnd(bytes: Buffer): number {
  const last = bytes.length - 1
  if (bytes[last] === lineFeed) {
    if (bytes[last - 1] === lineFeed) return bytes.length
    if (bytes[last - 1] === carriageReturn && bytes[last - 2] === lineFeed) return bytes.length
  }
  const plain = bytes.lastIndexOf('\n\n')
  const carriage = bytes.lastIndexOf('\n\r\n')
  return Math.max(plain < 0 ? 0 : plain + 2, carriage < 0 ? 0 : carriage + 3)
}

/** Behind the frame that begins at `from`, of bytes that end with a whole frame. */
function frameEnd(bytes: Buffer, from: number): number {
  const plain = bytes.indexOf('\n\n', from)
  const carriage = bytes.indexOf('\n\r\n', from)
  return Math.min(plain < 0 ? bytes.length : plain + 2, carriage < 0 ? bytes.length : carriage + 3)
}

function endsWithDone(frames: Buffer): boolean {
  let last = frames.length - 1
  while (frames[last] === lineFeed || frames[last] === carriageReturn) last--
  if (frames[last] !== 0x5d) return false
  const from = last + 1 - doneMark.length
  if (from < 5 || frames.compare(doneMark, 0, doneMark.length, from, last + 1) !== 0) return false
  const before = frames[from - 1] === 0x20 ? from - 2 : from - 1
  return frames[before] === 0x3a
}

/** `data: {"error"`: told apart from `data: {"id"` and the like by one byte, nearly always. */
function startsWithError(frames: Buffer): boolean {
  const brace = frames[5] === 0x20 ? 6 : 5
  if (frames[brace + 2] !== 0x65) return false
  return errorMark.compare(frames, brace, brace + errorMark.length) === 0
}

/** What the last frame that says something says. */
export const dataOf = (frames: Buffer): Buffer => Buffer.from(dataIn(frames) ?? '')

const dataIn = (frame: Buffer): string | undefined =>
  frame
    .toString('utf8')
    .split('\n')
    .findLast((text) => text.startsWith('data:') && text.includes('{'))
    ?.slice(5)

/** Null: a comment, `[DONE]`, or not JSON. */
function parseFrame(frame: Buffer): StreamEvent | null {
  const data = dataIn(frame)
  if (data === undefined) return null
  try {
    const event: unknown = JSON.parse(data)
    return typeof event === 'object' ? (event as StreamEvent | null) : null
  } catch {
    return null
  }
}

/** Text, a tool call, reasoning: anything but the role that opens a chat. */
function bearsContent(event: StreamEvent): boolean {
  if (!Array.isArray(event.choices)) return false
  return event.choices.some((choice: { text?: unknown; delta?: object | null } | null) => {
    if (typeof choice?.text === 'string') return choice.text !== ''
    return Object.entries(choice?.delta ?? {}).some(
      ([name, value]) => name !== 'role' && value !== null && value !== '' && !isEmptyList(value),
    )
  })
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0
