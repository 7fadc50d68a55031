import { textOf, type Message } from '../policy/workload/message.ts'
import type { Session, SessionCall, SessionMessage } from '../policy/workload/session.ts'
import { tokensOf } from './chat-sessions.ts'
import { isRow, messagesOf, toolsOf } from './message-rows.ts'
import { cellText, type Row } from './table.ts'

/** A span of a call to a model. */
interface Span {
  readonly id: string
  readonly parent: string | null
  readonly session: string
  readonly startMs: number
  readonly endMs: number
  readonly messages: readonly Message[]
  readonly answer: Message | null
  readonly attributes: Row
}

/**
 * OpenTelemetry GenAI spans, as OTLP JSON or in a flat form. Spans do not say what a call waited for, so it is read from
 * them: the calls whose answers stand in its prompt; without any, its parent; without that, the last one of the session
 * that had ended before. What lay in between was the time of tools and people.
 */
export function otelSessions(rows: readonly Row[]): Session[] {
  const spans = rows.flatMap(spansOf).filter(({ messages }) => messages.length > 0)
  const sessions = Map.groupBy(spans, ({ session }) => session)
  return [...sessions.values()].map((own) => {
    const ordered = own.toSorted((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)
    const tools = toolsOf(jsonOf(ordered[0]!.attributes['gen_ai.tool.definitions']))
    return {
      calls: ordered.map((span, index) => callOf(span, ordered.slice(0, index), ordered[0]!)),
      ...(tools ? { tools } : {}),
    }
  })
}

function callOf(span: Span, before: readonly Span[], first: Span): SessionCall {
  const ended = before.flatMap((other, index) => (other.endMs <= span.startMs ? [index] : []))
  const continues = longestPrefix(span, before, ended)
  const skipped = continues === null ? 0 : before[continues]!.messages.length + 1
  const messages = span.messages.slice(skipped).map((message): SessionMessage => {
    const from =
      message.role === 'assistant'
        ? ended.findLast((at) => isSame(before[at]!.answer, message))
        : undefined
    return from === undefined ? message : { answerOf: from }
  })
  const quoted = messages.flatMap((message) => ('answerOf' in message ? [message.answerOf] : []))
  const after = [...new Set([...(continues === null ? [] : [continues]), ...quoted])]
  if (after.length === 0) {
    const parent = ended.find((at) => before[at]!.id === span.parent)
    const last = ended.toSorted((a, b) => before[a]!.endMs - before[b]!.endMs).at(-1)
    if (parent !== undefined) after.push(parent)
    else if (last !== undefined) after.push(last)
  }
  const readyMs = after.reduce((last, at) => Math.max(last, before[at]!.endMs), first.startMs)
  const usage = (...names: string[]) =>
    names
      .map((name) => Number(span.attributes[`gen_ai.usage.${name}`]))
      .find((value) => value > 0) ?? null
  const model = span.attributes['gen_ai.request.model']
  return {
    after,
    delayMs: Math.max(0, span.startMs - readyMs),
    continues,
    messages,
    answer: span.answer,
    inputTokens:
      usage('input_tokens', 'prompt_tokens') ?? tokensOf(span.messages.map(textOf).join('\n')),
    outputTokens:
      usage('output_tokens', 'completion_tokens') ??
      (span.answer ? tokensOf(textOf(span.answer)) : null),
    model: typeof model === 'string' ? model : null,
  }
}

/** The call whose whole conversation this one begins with. */
function longestPrefix(
  span: Span,
  before: readonly Span[],
  ended: readonly number[],
): number | null {
  let best: number | null = null
  for (const at of ended) {
    const { messages, answer } = before[at]!
    const known = best === null ? 0 : before[best]!.messages.length
    if (answer === null || messages.length < known || messages.length >= span.messages.length)
      continue
    const whole = [...messages, answer]
    if (whole.every((message, index) => isSame(message, span.messages[index]!))) best = at
  }
  return best
}

const isSame = (a: Message | null, b: Message): boolean =>
  a !== null && a.role === b.role && textOf(a) === textOf(b)

function spansOf(row: Row): Span[] {
  if (Array.isArray(row['spans'])) return row['spans'].filter(isRow).flatMap(spansOf)
  if (Array.isArray(row['resourceSpans']))
    return row['resourceSpans']
      .filter(isRow)
      .flatMap((resource) => (resource['scopeSpans'] ?? []) as Row[])
      .flatMap((scope) => ((scope['spans'] ?? []) as Row[]).flatMap(spansOf))
  const attributes = attributesOf(row['attributes'])
  const messages = messagesOf(jsonOf(attributes['gen_ai.input.messages']))
  const [answered] = messagesOf(jsonOf(attributes['gen_ai.output.messages']))
  const text = attributes['gen_ai.output.text']
  const trace = textIn(row, 'trace_id', 'traceId')
  return [
    {
      id: textIn(row, 'span_id', 'spanId'),
      parent: textIn(row, 'parent_span_id', 'parentSpanId') || null,
      session: cellText(
        attributes['gen_ai.conversation.id'] ??
          attributes['session.id'] ??
          attributes['exgentic.session.id'] ??
          trace,
      ),
      startMs: timeOf(row['start_time'] ?? row['startTimeUnixNano']),
      endMs: timeOf(row['end_time'] ?? row['endTimeUnixNano']),
      messages,
      answer: answered ?? (typeof text === 'string' ? { role: 'assistant', content: text } : null),
      attributes,
    },
  ]
}

/** An object, or OTLP's list of keys with typed values. */
function attributesOf(value: unknown): Row {
  if (isRow(value)) return value
  if (!Array.isArray(value)) return {}
  return Object.fromEntries(
    value
      .filter(isRow)
      .map(({ key, value: typed }) => [
        String(key),
        isRow(typed) ? Object.values(typed)[0] : undefined,
      ]),
  )
}

function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

/** A date (UTC where it does not say), or nanoseconds since 1970. */
function timeOf(value: unknown): number {
  const text = cellText(value)
  if (/^\d+$/.test(text)) return Number(text) / 1e6
  const isZoned = /(Z|[+-]\d\d:?\d\d)$/.test(text)
  const atMs = Date.parse(isZoned ? text : `${text}Z`)
  return Number.isNaN(atMs) ? 0 : atMs
}

const textIn = (row: Row, ...names: string[]): string =>
  cellText(names.map((name) => row[name]).find((value) => typeof value === 'string'))
