import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'

/** Calls to the target that are no part of the load. */
export interface EndpointCalls {
  /** First model of `/v1/models`. Error: `injection/unreachable`. */
  firstModel(): Promise<string>
  /** Tokens of a prompt of so many words: what one request says that it was. Null: it does not say. */
  promptTokensOf(model: string, prompt: string): Promise<number | null>
  /** Number of tokens of a text by the server's own tokeniser (vLLM, SGLang, llama.cpp); null: it has none. */
  countTokens(model: string, text: string): Promise<number | null>
}

const timeoutMs = 30_000

export function createEndpointCalls(baseUrl: string, apiKey: string | undefined): EndpointCalls {
  const root = baseUrl.replace(/\/$/, '')
  async function call(url: string | URL, body?: object): Promise<unknown> {
    const response = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: {
        'content-type': 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await response.text()
    if (!response.ok)
      throw new AppError('injection/unreachable', {
        message: `${String(url)} answered ${response.status}: ${text.slice(0, 200)}`,
      })
    return JSON.parse(text)
  }
  return {
    async firstModel() {
      const listed = modelList.safeParse(await call(`${root}/models`).catch(asUnreachable))
      const first = listed.data?.data[0]
      if (first) return first.id
      throw new AppError('injection/unreachable', {
        message: `${root}/models lists no model`,
        hint: 'Name one with --model.',
      })
    },
    async promptTokensOf(model, prompt) {
      const messages = [{ role: 'user', content: prompt }]
      const answer = withUsage.safeParse(
        await call(`${root}/chat/completions`, { model, messages, max_tokens: 1 }),
      )
      return answer.data?.usage.prompt_tokens ?? null
    },
    async countTokens(model, text) {
      const body = { model, prompt: text, content: text, add_special_tokens: false }
      const answer = tokenized.safeParse(
        await call(new URL('/tokenize', root), body).catch(() => null),
      )
      return answer.data ? (answer.data.count ?? answer.data.tokens?.length ?? null) : null
    },
  }
}

/** Tokens of answers without usage: one tokenisation of the whole text, after the run. */
export async function countMissingTokens(
  records: readonly RequestRecord[],
  calls: EndpointCalls,
  modelOf: (record: RequestRecord) => string,
): Promise<void> {
  for (const record of records) {
    if (record.text === null) continue
    const count = await calls.countTokens(modelOf(record), record.text)
    if (count === null) return
    record.outputTokens = count
    record.tokenSource = 'tokenize'
    record.text = null
  }
}

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) })
const withUsage = z.object({ usage: z.object({ prompt_tokens: z.number() }) })
const tokenized = z.object({
  count: z.number().optional(),
  tokens: z.array(z.unknown()).optional(),
})

function asUnreachable(thrown: unknown): never {
  if (thrown instanceof AppError) throw thrown
  throw new AppError('injection/unreachable', {
    message: `no answer: ${(thrown as Error).message}`,
    cause: thrown,
  })
}
