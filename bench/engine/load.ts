import { Agent, request } from 'undici'

/** What one burst of concurrent streams came to. */
export interface BurstResult {
  readonly tokensPerS: number
  readonly ttftMs: readonly number[]
}

export interface Burst {
  readonly prompts: readonly string[]
  readonly tokens: number
}

const agent = new Agent({ connections: 64, bodyTimeout: 600_000, headersTimeout: 600_000 })

/** How one server is asked for an answer of exactly so many tokens. */
export interface Dialect {
  readonly path: string
  body(prompt: string, tokens: number): object
  /** Tokens made so far; the last match in the stream counts. */
  readonly made: RegExp
}

export const openAi: Dialect = {
  path: '/v1/completions',
  body: (prompt, tokens) => ({
    prompt,
    max_tokens: tokens,
    stream_options: { include_usage: true },
  }),
  made: /"completion_tokens":(\d+)/g,
}

/** llama-server's own. */
export const llamaServer: Dialect = {
  path: '/completion',
  body: (prompt, tokens) => ({ prompt, n_predict: tokens }),
  made: /"tokens_predicted":(\d+)/g,
}

/** All prompts at once over HTTP, each streamed to its end. */
export async function runBurst(
  url: string,
  dialect: Dialect,
  { prompts, tokens }: Burst,
): Promise<BurstResult> {
  const startMs = performance.now()
  const streams = await Promise.all(
    prompts.map(async (prompt, index) => {
      const { statusCode, body } = await request(`${url}${dialect.path}`, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...sampling,
          ...dialect.body(prompt, tokens),
          seed: index + 1,
          stream: true,
          ignore_eos: true,
        }),
      })
      let ttftMs = 0
      let text = ''
      for await (const chunk of body) {
        if (ttftMs === 0) ttftMs = performance.now() - startMs
        text += String(chunk)
      }
      const made = Number([...text.matchAll(dialect.made)].at(-1)?.[1] ?? 0)
      if (statusCode !== 200 || made !== tokens)
        throw new Error(`${url} answered ${statusCode}, ${made} tokens: ${text.slice(-300)}`)
      return { ttftMs, made }
    }),
  )
  const elapsedS = (performance.now() - startMs) / 1000
  return {
    tokensPerS: streams.reduce((sum, stream) => sum + stream.made, 0) / elapsedS,
    ttftMs: streams.map((stream) => stream.ttftMs),
  }
}

/** The same for all three. */
export const sampling = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 }
