import { Template } from '@huggingface/jinja'
import { AppError } from '../../../core/errors.ts'

/** A message as templates know it: text content only. */
export interface TemplateMessage {
  readonly role: string
  readonly content: string
  readonly name?: string
  readonly tool_calls?: readonly unknown[]
  readonly tool_call_id?: string
}

export interface ChatTemplate {
  /** Whether tools given to it appear in the prompt. */
  readonly hasTools: boolean
  /** Throws `request/invalid` where the template refuses the conversation. */
  render(conversation: {
    readonly messages: readonly TemplateMessage[]
    readonly tools?: readonly unknown[]
    /** Further variables, such as `enable_thinking`. */
    readonly variables?: Readonly<Record<string, unknown>>
  }): string
}

/** `source` null: ChatML, which most models without a template of their own have seen. */
export function createChatTemplate(
  source: string | null,
  special: { readonly bosText: string; readonly eosText: string },
): ChatTemplate {
  const template = parse(source ?? chatMl)
  return {
    hasTools: /\btools\b/.test(source ?? ''),
    render({ messages, tools, variables }) {
      try {
        return template.render({
          ...variables,
          messages,
          tools,
          add_generation_prompt: true,
          bos_token: special.bosText,
          eos_token: special.eosText,
        })
      } catch (thrown) {
        throw new AppError('request/invalid', {
          message: `the model's chat template refuses these messages: ${String(thrown)}`,
          param: 'messages',
          cause: thrown,
        })
      }
    },
  }
}

function parse(source: string): Template {
  try {
    return new Template(source)
  } catch (thrown) {
    throw new AppError('engine/bad-model', {
      message: `its chat template can't be read: ${String(thrown)}`,
      cause: thrown,
    })
  }
}

const chatMl = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`
