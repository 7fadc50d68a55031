import { AppError, toAppError } from '../../../core/errors.ts'
import { createId } from '../../../core/id.ts'
import type { GenerationEnd } from '../batch/generation.ts'
import type { Distribution } from '../model/session.ts'
import { answerRoom, readStops, runAnswers, wantsUsage, type AnswerListener } from './answer.ts'
import { sendJson } from './json.ts'
import { readFormat } from './conversation.ts'
import { createEventStream } from './event-stream.ts'
import { describeChoice } from './logprobs.ts'
import { completionRequest, parseRequest, type CompletionRequest } from './requests.ts'
import { readSampling } from './sampling.ts'
import type { Handler, Serving } from './serving.ts'
import { sumUsage } from './usage.ts'

/** `POST /v1/completions` */
export const handleCompletions: Handler = async (serving, body, response) => {
  const request = parseRequest(completionRequest, body)
  const { generations: loop } = serving
  if (!loop)
    throw new AppError('gateway/wrong-task', { message: 'this model makes embeddings only' })
  refuse(request)
  const withUsage = wantsUsage(request)
  const prompts = readPrompts(serving, request)
  const perPrompt = request.n ?? 1
  const head = {
    id: createId('cmpl'),
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model ?? serving.name,
    system_fingerprint: null,
  }
  const stream = request.stream === true ? createEventStream(response) : null
  const usageSoFar = withUsage ? { usage: null } : {}
  const choices = prompts.flatMap((prompt, promptIndex) =>
    Array.from({ length: perPrompt }, (_, choice) =>
      createChoice(serving, request, prompt, promptIndex * perPrompt + choice, (part) =>
        stream?.send(JSON.stringify({ ...head, choices: [part], ...usageSoFar })),
      ),
    ),
  )
  let become: Awaited<ReturnType<NonNullable<Serving['beforeEnd']>>> | undefined
  try {
    await runAnswers(loop, serving, choices, response)
    if (!response.destroyed) become = await serving.beforeEnd?.()
  } catch (thrown) {
    if (!stream?.hasStarted) throw thrown
    return stream.fail(toAppError(thrown))
  }
  if (response.destroyed) return
  const promptTokens = prompts.reduce((sum, prompt) => sum + prompt.tokens.length, 0)
  const ends = choices.map((choice) => choice.end())
  const usage = sumUsage(promptTokens, ends, perPrompt)
  if (!stream) {
    const answer = { ...head, choices: choices.map((one) => one.whole()), usage }
    return sendJson(response, become?.(answer) ?? answer)
  }
  if (withUsage) stream.send(JSON.stringify({ ...head, choices: [], usage }))
  stream.end()
}

interface Prompt {
  readonly tokens: Uint32Array
  readonly text: string
}

interface Part {
  readonly index: number
  readonly text: string
  readonly logprobs: CompletionLogprobs | null
  readonly finish_reason: string | null
}

/** The older, columnar form. The first token of a prompt has no probability: null. */
interface CompletionLogprobs {
  readonly tokens: string[]
  readonly token_logprobs: (number | null)[]
  readonly top_logprobs: (Record<string, number> | null)[]
  readonly text_offset: number[]
}

function refuse(request: CompletionRequest): void {
  if (request.suffix)
    throw new AppError('request/unsupported', {
      message: 'this engine has no "suffix"',
      param: 'suffix',
    })
  if ((request.best_of ?? 1) > (request.n ?? 1))
    throw new AppError('request/unsupported', {
      message: 'best_of: only as many answers are made as are returned',
      param: 'best_of',
    })
}

function readPrompts(serving: Serving, { prompt }: CompletionRequest): Prompt[] {
  const { vocabulary, prompts } = serving
  const textOf = (tokens: readonly number[]): string =>
    Buffer.concat(tokens.map((token) => vocabulary.bytesOf(token))).toString('utf8')
  const fromTokens = (tokens: readonly number[]): Prompt => ({
    tokens: prompts.tokens(tokens, 'prompt'),
    text: textOf(tokens),
  })
  const fromText = (text: string): Prompt => {
    const tokens = prompts.text(text)
    if (tokens.length > 0) return { tokens, text }
    throw new AppError('request/invalid', { message: 'prompt: it is empty', param: 'prompt' })
  }
  if (typeof prompt === 'string') return [fromText(prompt)]
  if (typeof prompt[0] === 'number') return [fromTokens(prompt as number[])]
  return (prompt as (string | number[])[]).map((one) =>
    typeof one === 'string' ? fromText(one) : fromTokens(one),
  )
}

function createChoice(
  serving: Serving,
  request: CompletionRequest,
  prompt: Prompt,
  index: number,
  send: (part: Part) => void,
) {
  const { vocabulary } = serving
  const hasEcho = request.echo === true
  const top = request.logprobs ?? null
  const maxTokens = answerRoom(
    serving.contextTokens,
    prompt.tokens.length,
    request.max_tokens ?? defaultMaxTokens(request, serving, prompt),
    'prompt',
  )
  let columns = emptyColumns()
  let offset = hasEcho ? 0 : prompt.text.length
  let text = hasEcho ? prompt.text : ''
  let ended: GenerationEnd | null = null
  let isEchoed = !hasEcho

  const addColumn = (token: number, distribution: Distribution | null): void => {
    if (top === null) return
    const shown = Buffer.from(vocabulary.bytesOf(token)).toString('utf8')
    const choice = distribution && describeChoice(vocabulary, token, distribution, top)
    columns.tokens.push(choice?.token ?? shown)
    columns.token_logprobs.push(choice?.logprob ?? null)
    columns.top_logprobs.push(
      choice && Object.fromEntries(choice.top_logprobs.map((one) => [one.token, one.logprob])),
    )
    columns.text_offset.push(offset)
    offset += shown.length
  }
  const takeColumns = (): CompletionLogprobs | null => {
    const taken = columns
    columns = emptyColumns()
    return top === null ? null : taken
  }
  const echo = (): string => {
    if (isEchoed) return ''
    isEchoed = true
    return prompt.text
  }
  const sendPart = (shown: string, reason: string | null): void => {
    if (request.stream === true)
      send({ index, text: shown, logprobs: takeColumns(), finish_reason: reason })
  }
  if (hasEcho) addColumn(prompt.tokens[0] ?? 0, null)
  const listener: AnswerListener = {
    onPromptDistribution: (position, distribution) =>
      addColumn(prompt.tokens[position] ?? 0, distribution),
    onToken: addColumn,
    onText(shown) {
      text += shown
      sendPart(echo() + shown, null)
    },
    onEnd(end) {
      ended = end
      sendPart(echo(), end.reason)
    },
  }
  const end = (): GenerationEnd => {
    if (!ended) throw new AppError('engine/failed', { message: 'the answer did not end' })
    return ended
  }
  return {
    plan: {
      prompt: prompt.tokens,
      maxTokens,
      sampling: readSampling(
        request,
        serving.sampling,
        vocabulary.size,
        readFormat(serving, request),
        index,
      ),
      stops: readStops(request),
      wantsDistributions: top !== null,
      wantsPromptDistributions: hasEcho && top !== null,
    },
    listener,
    end,
    whole: (): Part => ({
      index,
      text,
      logprobs: takeColumns(),
      finish_reason: end().reason,
    }),
  }
}

/** OpenAI's default is 16 tokens. */
const defaultMaxTokens = (
  { max_tokens: given }: CompletionRequest,
  { contextTokens }: Serving,
  { tokens }: Prompt,
): number => given ?? Math.max(1, Math.min(16, contextTokens - tokens.length))

const emptyColumns = (): CompletionLogprobs => ({
  tokens: [],
  token_logprobs: [],
  top_logprobs: [],
  text_offset: [],
})
