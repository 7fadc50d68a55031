import type { ServerCounters } from '../policy/measurement/run-facts.ts'

/** Names under which servers count the tokens they generate and read. */
const outputNames = [
  'vllm:generation_tokens_total',
  'sglang:generation_tokens_total',
  'llamacpp:tokens_predicted_total',
  'baleen_gateway_tokens_total{kind="completion"}',
]
const promptNames = [
  'vllm:prompt_tokens_total',
  'sglang:prompt_tokens_total',
  'llamacpp:prompt_tokens_total',
  'baleen_gateway_tokens_total{kind="prompt"}',
]
const timeoutMs = 2000

/** The server's own counters from `/metrics` beside its API; null where there are none. */
export async function readServerCounters(baseUrl: string): Promise<ServerCounters | null> {
  try {
    const response = await fetch(new URL('/metrics', baseUrl), {
      signal: AbortSignal.timeout(timeoutMs),
    })
    return response.ok ? parseCounters(await response.text()) : null
  } catch {
    return null
  }
}

export function parseCounters(text: string): ServerCounters | null {
  const outputTokens = sumOf(text, outputNames)
  const promptTokens = sumOf(text, promptNames)
  return outputTokens === null && promptTokens === null ? null : { outputTokens, promptTokens }
}

/** Null where either reading lacks a counter, or where it was reset in between. */
export function counterChange(
  before: ServerCounters | null,
  after: ServerCounters | null,
): ServerCounters | null {
  if (!before || !after) return null
  const change = (from: number | null, to: number | null) =>
    from === null || to === null || to < from ? null : to - from
  return {
    outputTokens: change(before.outputTokens, after.outputTokens),
    promptTokens: change(before.promptTokens, after.promptTokens),
  }
}

/** Sum over all labels of the first name that is there. */
function sumOf(text: string, names: readonly string[]): number | null {
  for (const name of names) {
    const [metric = '', label] = name.split(/\{(.*)\}/)
    let sum: number | null = null
    for (const line of text.split('\n')) {
      if (!line.startsWith(metric) || !/^[ {]/.test(line.slice(metric.length))) continue
      if (label && !line.includes(label)) continue
      const value = Number(/\s(\S+)\s*(?:\d+)?$/.exec(line)?.[1])
      if (Number.isFinite(value)) sum = (sum ?? 0) + value
    }
    if (sum !== null) return sum
  }
  return null
}
