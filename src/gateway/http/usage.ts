import { estimatePromptTokens } from '../policy/estimate.ts'

/** Tokens as the engine counted them. */
export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
}

const key = Buffer.from('"usage"')

/**
 * The usage of a whole JSON answer, found from its end without parsing the rest. A key in quotes can't be part of a
 * string there: inside one its closing quote would be escaped. Null: the engine did not say.
 */
export function findUsage(body: Buffer): Usage | null {
  for (
    let at = body.lastIndexOf(key);
    at >= 0;
    at = at === 0 ? -1 : body.lastIndexOf(key, at - 1)
  ) {
    const from = objectAfter(body, at + key.length)
    if (from < 0) continue
    const to = objectEnd(body, from)
    const usage = to < 0 ? null : parseUsage(body.toString('utf8', from, to))
    if (usage) return usage
  }
  return null
}

/** Whether a usage with figures, not `"usage":null`, is in there. */
export function hasUsage(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + key.length))
    if (objectAfter(bytes, at + key.length) >= 0) return true
  return false
}

/** Null: not a usage as OpenAI's API has it. */
export function readUsage(value: unknown): Usage | null {
  if (typeof value !== 'object' || value === null) return null
  const usage = value as {
    prompt_tokens?: unknown
    completion_tokens?: unknown
    prompt_tokens_details?: { cached_tokens?: unknown } | null
  }
  if (typeof usage.prompt_tokens !== 'number') return null
  return {
    promptTokens: count(usage.prompt_tokens),
    completionTokens: count(usage.completion_tokens),
    cachedTokens: count(usage.prompt_tokens_details?.cached_tokens),
  }
}

/** Where the engine did not tell: what it was given and what passed. Failed work costs nobody anything. */
export function estimateUsage(bodyBytes: number, chunks: number, isWorkedOn: boolean): Usage {
  const promptTokens = isWorkedOn || chunks > 0 ? estimatePromptTokens(bodyBytes) : 0
  return { promptTokens, completionTokens: chunks, cachedTokens: 0 }
}

/** What goes into the journal and the limits is a whole number of tokens, whatever an engine says. */
const count = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0

function parseUsage(text: string): Usage | null {
  try {
    return readUsage(JSON.parse(text))
  } catch {
    return null
  }
}

/** Index of the brace behind `:`, or -1. */
function objectAfter(bytes: Buffer, from: number): number {
  let at = skipSpace(bytes, from)
  if (bytes[at] !== 0x3a) return -1
  at = skipSpace(bytes, at + 1)
  return bytes[at] === 0x7b ? at : -1
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

/** Usage holds numbers, so braces in strings are no matter. */
function objectEnd(bytes: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === 0x7b) depth++
    else if (bytes[at] === 0x7d && --depth === 0) return at + 1
  }
  return -1
}
