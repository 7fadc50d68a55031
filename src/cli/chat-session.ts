import { createInterface } from 'node:readline/promises'
import { toAppError } from '../core/errors.ts'
import { chat, type ChatMessage, type ChatUsage, type GatewayOptions } from './gateway-client.ts'
import type { Io, Output } from './io.ts'

export interface ChatSession {
  readonly gateway: GatewayOptions
  readonly model: string
  readonly system: string | undefined
  readonly io: Io
  readonly output: Output
}

/** One question, one answer: the answer alone on stdout. */
export async function askOnce(session: ChatSession, prompt: string): Promise<void> {
  const { io, output } = session
  let isMidLine = false
  const answered = await answer(session, [...opening(session), { role: 'user', content: prompt }], {
    interrupt: io.interrupt,
    onText: (text) => {
      if (output.json) return
      io.stdout.write(text)
      isMidLine = true
    },
  }).catch((thrown: unknown) => {
    if (isMidLine && io.stdout.isTTY) io.stdout.write('\n')
    throw thrown
  })
  output.data({ model: session.model, text: answered.text, usage: answered.usage }, () => '')
  if (!output.json) io.stdout.write('\n')
  output.note(output.noteStyle('dim', `${session.model} · ${speedOf(answered)}`))
}

/** Questions and answers until Ctrl-D. Ctrl-C ends the answer that is being written. */
export async function converse(session: ChatSession): Promise<void> {
  const { io, output } = session
  const style = output.noteStyle
  let history: ChatMessage[] = opening(session)
  const terminal = createInterface({ input: io.stdin, output: process.stderr, historySize: 500 })
  let answering: AbortController | null = null
  terminal.on('SIGINT', () => (answering ? answering.abort() : terminal.close()))
  const ended = new Promise<null>((resolve) => terminal.once('close', () => resolve(null)))
  output.note(style('dim', `${session.model} · /clear forgets, /exit or Ctrl-D ends`))
  try {
    for (;;) {
      const line = await Promise.race([terminal.question(style('bold', '> ')), ended])
      const prompt = line?.trim()
      if (prompt === undefined || prompt === '/exit' || prompt === '/quit') return
      if (prompt === '') continue
      if (prompt === '/clear') {
        history = opening(session)
        continue
      }
      answering = new AbortController()
      history = await turn(session, history, prompt, answering.signal)
      answering = null
    }
  } finally {
    terminal.close()
  }
}

async function turn(
  session: ChatSession,
  history: readonly ChatMessage[],
  prompt: string,
  stop: AbortSignal,
): Promise<ChatMessage[]> {
  const { io, output } = session
  const asked: ChatMessage[] = [...history, { role: 'user', content: prompt }]
  let text = ''
  try {
    const answered = await answer(session, asked, {
      interrupt: AbortSignal.any([stop, io.interrupt]),
      onText: (piece) => {
        text += piece
        io.stdout.write(piece)
      },
    })
    io.stdout.write('\n')
    output.note(output.noteStyle('dim', speedOf(answered)))
  } catch (thrown) {
    io.stdout.write('\n')
    if (!stop.aborted) {
      const { code, message, hint } = toAppError(thrown)
      io.stderr.write(`${output.noteStyle('red', 'error:')} ${code}: ${message}\nhint: ${hint}\n`)
      return [...history]
    }
  }
  return [...asked, { role: 'assistant', content: text }]
}

interface Answer {
  readonly text: string
  readonly usage: ChatUsage | null
  /** From the question to the first and to the last piece. */
  readonly firstMs: number
  readonly wholeMs: number
}

async function answer(
  { gateway, model }: ChatSession,
  messages: readonly ChatMessage[],
  options: { interrupt: AbortSignal; onText(text: string): void },
): Promise<Answer> {
  const askedAtMs = performance.now()
  let text = ''
  let usage: ChatUsage | null = null
  let firstMs = 0
  for await (const part of chat(gateway, model, messages, options.interrupt)) {
    if (part.kind === 'usage') {
      usage = part.usage
      continue
    }
    if (text === '') firstMs = performance.now() - askedAtMs
    text += part.text
    options.onText(part.text)
  }
  return { text, usage, firstMs, wholeMs: performance.now() - askedAtMs }
}

/** A pace needs a stretch of time to be measured over. */
const paceMsMin = 100

function speedOf({ usage, firstMs, wholeMs }: Answer): string {
  const first = `first token after ${Math.round(firstMs)} ms`
  if (!usage) return first
  const decodeMs = wholeMs - firstMs
  const pace =
    decodeMs < paceMsMin
      ? []
      : [`${(((usage.completionTokens - 1) / decodeMs) * 1000).toFixed(1)} tok/s`]
  return [`${usage.completionTokens} tokens`, ...pace, first].join(' · ')
}

const opening = ({ system }: ChatSession): ChatMessage[] =>
  system === undefined ? [] : [{ role: 'system', content: system }]
