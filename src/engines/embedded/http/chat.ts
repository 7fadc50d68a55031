import { AppError, toAppError } from '../../../core/errors.ts'
import { createId } from '../../../core/id.ts'
import type { GenerationEnd } from '../batch/generation.ts'
import { answerRoom, readStops, runAnswers, wantsUsage, type AnswerPlan } from './answer.ts'
import { createCollector, createStreamer, head, type Chat } from './chat-answer.ts'
import { readConversation } from './conversation.ts'
import { createEventStream } from './event-stream.ts'
import { sendJson } from './json.ts'
import { chatRequest, parseRequest, type ChatRequest } from './requests.ts'
import { readSampling } from './sampling.ts'
import type { Handler, Serving } from './serving.ts'
import { sumUsage } from './usage.ts'

/** `POST /v1/chat/completions` */
export const handleChat: Handler = async (serving, body, response) => {
  const request = parseRequest(chatRequest, body)
  const { generations: loop } = serving
  if (!loop)
    throw new AppError('gateway/wrong-task', { message: 'this model makes embeddings only' })
  if (typeof request.top_logprobs === 'number' && request.logprobs !== true)
    throw new AppError('request/invalid', {
      message: 'top_logprobs: needs "logprobs": true',
      param: 'top_logprobs',
    })
  const withUsage = wantsUsage(request)
  const conversation = readConversation(serving, request)
  const plans = planAnswers(serving, request, conversation)
  const chat: Chat = {
    id: createId('chatcmpl'),
    created: Math.floor(Date.now() / 1000),
    model: request.model ?? serving.name,
    hasTools: conversation.hasTools,
    topLogprobs: request.logprobs === true ? (request.top_logprobs ?? 0) : null,
    callsMax: request.parallel_tool_calls === false ? 1 : Infinity,
  }
  const promptTokens = conversation.prompt.length
  if (request.stream !== true) {
    const choices = plans.map(() => createCollector(serving, chat))
    const answers = plans.map((plan, index) => ({ plan, listener: choices[index]!.listener }))
    await runAnswers(loop, serving, answers, response)
    if (response.destroyed) return
    const become = await serving.beforeEnd?.()
    const answer = {
      ...head(chat, 'chat.completion'),
      choices: choices.map((choice, index) => choice.whole(index)),
      usage: sumUsage(
        promptTokens,
        choices.map((choice) => choice.end()),
        choices.length,
      ),
    }
    return sendJson(response, become?.(answer) ?? answer)
  }
  const stream = createEventStream(response)
  const ends: GenerationEnd[] = []
  const answers = plans.map((plan, index) => ({
    plan,
    listener: createStreamer(serving, chat, index, withUsage, stream, ends),
  }))
  try {
    await runAnswers(loop, serving, answers, response)
    if (!response.destroyed) await serving.beforeEnd?.()
  } catch (thrown) {
    if (!stream.hasStarted) throw thrown
    return stream.fail(toAppError(thrown))
  }
  if (response.destroyed) return
  if (withUsage) {
    const usage = sumUsage(promptTokens, ends, plans.length)
    stream.send(JSON.stringify({ ...head(chat, 'chat.completion.chunk'), choices: [], usage }))
  }
  stream.end()
}

function planAnswers(
  serving: Serving,
  request: ChatRequest,
  { prompt, grammar }: ReturnType<typeof readConversation>,
): AnswerPlan[] {
  const limit = request.max_completion_tokens ?? request.max_tokens ?? null
  const maxTokens = answerRoom(serving.contextTokens, prompt.length, limit, 'messages')
  return Array.from({ length: request.n ?? 1 }, (_, choice) => ({
    prompt,
    maxTokens,
    sampling: readSampling(request, serving.sampling, serving.vocabulary.size, grammar, choice),
    stops: readStops(request),
    wantsDistributions: request.logprobs === true,
    wantsPromptDistributions: false,
  }))
}
