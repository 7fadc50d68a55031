import { AppError } from '../../../core/errors.ts'
import type { TemplateMessage } from '../model/chat-template.ts'
import { jsonObjectGrammar, schemaToGrammar, toolCallGrammar } from '../model/json-schema.ts'
import type { ChatMessage, ChatRequest, GenerationRequest } from './requests.ts'
import type { Serving } from './serving.ts'

/** A chat request as the model sees it. */
export interface Conversation {
  readonly prompt: Uint32Array
  /** GBNF the answer has to match. */
  readonly grammar: string | null
  /** Tool calls are looked for in the answer. */
  readonly hasTools: boolean
}

export function readConversation(serving: Serving, request: ChatRequest): Conversation {
  const tools = request.tool_choice === 'none' ? [] : (request.tools ?? [])
  const hasTools = tools.length > 0
  if (hasTools && !serving.template.hasTools)
    throw new AppError('request/unsupported', {
      message: "this model's chat template knows no tools",
      param: 'tools',
    })
  const rendered = serving.template.render({
    messages: request.messages.map(toTemplateMessage),
    ...(hasTools ? { tools } : {}),
    ...(request.chat_template_kwargs ? { variables: request.chat_template_kwargs } : {}),
  })
  return {
    prompt: serving.prompts.chat(rendered),
    grammar: readToolGrammar(request, hasTools) ?? readFormat(serving, request),
    hasTools,
  }
}

/** The grammar of `response_format`, checked. */
export function readFormat(serving: Serving, request: GenerationRequest): string | null {
  const format = request.response_format
  if (!format || format.type === 'text') return null
  const grammar =
    format.type === 'json_object'
      ? jsonObjectGrammar()
      : schemaToGrammar(format.json_schema.schema, 'response_format')
  if (!serving.acceptsGrammar(grammar))
    throw new AppError('request/unsupported', {
      message: 'response_format: the schema refers to itself without end',
      param: 'response_format',
    })
  return grammar
}

function readToolGrammar({ tool_choice: choice, tools }: ChatRequest, hasTools: boolean) {
  if (typeof choice === 'object' && choice !== null) {
    const { name } = choice.function
    const chosen = tools?.filter((tool) => tool.function.name === name) ?? []
    if (chosen.length === 0)
      throw new AppError('request/invalid', {
        message: `tool_choice: no tool is called "${name}"`,
        param: 'tool_choice',
      })
    return toolCallGrammar(chosen.map(toSignature))
  }
  if (choice !== 'required') return null
  if (!hasTools)
    throw new AppError('request/invalid', {
      message: 'tool_choice: "required" needs tools',
      param: 'tool_choice',
    })
  return toolCallGrammar((tools ?? []).map(toSignature))
}

const toSignature = (tool: NonNullable<ChatRequest['tools']>[number]) => ({
  name: tool.function.name,
  parameters: tool.function.parameters,
})

function toTemplateMessage(message: ChatMessage): TemplateMessage {
  const { role, name, tool_calls: calls, tool_call_id: callId } = message
  return {
    role: role === 'developer' ? 'system' : role,
    content: toText(message),
    ...(name == null ? {} : { name }),
    ...(callId == null ? {} : { tool_call_id: callId }),
    ...(calls?.length ? { tool_calls: calls.map(toTemplateCall) } : {}),
  }
}

function toText({ content }: ChatMessage): string {
  if (typeof content === 'string') return content
  return (content ?? [])
    .map((part) => {
      if (part.type !== 'text')
        throw new AppError('request/unsupported', {
          message: `this model reads text only, not "${part.type}"`,
          param: 'messages',
        })
      return part.text ?? ''
    })
    .join('')
}

/** Templates expect the arguments as an object, the API sends them as JSON text. */
function toTemplateCall(call: NonNullable<ChatMessage['tool_calls']>[number]): unknown {
  const text = call.function.arguments ?? '{}'
  let given: unknown = text
  try {
    given = JSON.parse(text)
  } catch {
    // A model's own broken call, sent back as history: the template gets it as it is.
  }
  return { ...call, type: 'function', function: { ...call.function, arguments: given } }
}
