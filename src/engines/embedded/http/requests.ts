import { z } from 'zod'
import { explainIssue } from '../../../contract/explain-issue.ts'
import { AppError } from '../../../core/errors.ts'

/** Request bodies of the OpenAI API. Unknown parameters are let through; those that would change the answer are refused. */

const content = z
  .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))])
  .nullish()

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content,
  name: z.string().nullish(),
  tool_call_id: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        id: z.string().optional(),
        type: z.literal('function').optional(),
        function: z.looseObject({ name: z.string(), arguments: z.string().optional() }),
      }),
    )
    .nullish(),
})
export type ChatMessage = z.infer<typeof message>

const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().min(1).max(128),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
  }),
})

const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
])

const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().optional(),
      schema: z.record(z.string(), z.unknown()),
    }),
  }),
])

const stopString = z.string().min(1).max(512)
const generation = {
  model: z.string().max(256).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.int().min(1).max(8).nullish(),
  stop: z.union([stopString, z.array(stopString).max(4)]).nullish(),
  seed: z.int().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  logit_bias: z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100)).nullish(),
  response_format: responseFormat.nullish(),
  ignore_eos: z.boolean().nullish(),
}

export const chatRequest = z.looseObject({
  ...generation,
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
})
export type ChatRequest = z.infer<typeof chatRequest>

const token = z.int().min(0).max(0xffff_ffff)
export const completionRequest = z.looseObject({
  ...generation,
  prompt: z.union([
    z.string(),
    z.array(z.string()).min(1).max(128),
    z.array(token).min(1),
    z.array(z.array(token).min(1)).min(1).max(128),
  ]),
  max_tokens: z.int().min(0).nullish(),
  logprobs: z.int().min(0).max(5).nullish(),
  echo: z.boolean().nullish(),
  best_of: z.int().min(1).nullish(),
  suffix: z.string().nullish(),
})
export type CompletionRequest = z.infer<typeof completionRequest>
export type GenerationRequest = ChatRequest | CompletionRequest

export const embeddingRequest = z.looseObject({
  model: z.string().max(256).nullish(),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(2048),
    z.array(token).min(1),
    z.array(z.array(token).min(1)).min(1).max(2048),
  ]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
})
export type EmbeddingRequest = z.infer<typeof embeddingRequest>

/** Throws `request/invalid`, naming the first parameter at fault, or `request/unsupported`. */
export function parseRequest<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(body)
  if (parsed.success) {
    refuseUnsupported(body as Record<string, unknown>)
    return parsed.data
  }
  const [issue] = parsed.error.issues
  const { param, text } = issue ? explainIssue(issue) : { param: '', text: 'not a valid request' }
  throw new AppError('request/invalid', {
    message: param ? `${param}: ${text}` : text,
    ...(param ? { param } : {}),
  })
}

/** Parameters of OpenAI's or other engines' APIs without which the answer would be another one. */
const unsupported = [
  'functions',
  'function_call',
  'audio',
  'web_search_options',
  'use_beam_search',
  'length_penalty',
  'min_tokens',
  'bad_words',
  'stop_token_ids',
  'guided_json',
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'structured_outputs',
  'grammar',
  'prompt_embeds',
]

function refuseUnsupported(body: Record<string, unknown>): void {
  for (const param of unsupported) {
    const value = body[param]
    const isNeutral = value === undefined || value === null || value === false || value === 0
    // An answer that never ends by itself has the least number of tokens anyway: load generators send both.
    const isMet = param === 'min_tokens' && body['ignore_eos'] === true
    if (!isNeutral && !isMet && !(Array.isArray(value) && value.length === 0))
      throw new AppError('request/unsupported', {
        message: `this engine has no "${param}"`,
        param,
      })
  }
}
