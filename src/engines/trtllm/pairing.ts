import { parseExactly, type PairProtocol } from '../pairing.ts'

/**
 * `trtllm-serve`, context first, as its own server speaks it (tensorrt_llm/serve/openai_disagg_service.py): the one that
 * reads gets the request as `context_only`; what it answers is given back as `generation_only`, with the tokens of the
 * prompt in place of its text. Requests are numbered by whoever shares them out, from 2^42 on.
 */
export const trtllmPairing: PairProtocol = {
  name: 'trtllm',
  order: 'in-turn',
  members: ['disaggregated_params', 'prompt_token_ids'],
  decodesAlone: true,
  unshared: [],
  refuse: ({ n, hasSeveralPrompts }) =>
    n > 1 ? 'several-answers' : hasSeveralPrompts ? 'several-prompts' : null,
  prefill: ({ room }) => ({
    set: {
      disaggregated_params: JSON.stringify({
        request_type: 'context_only',
        disagg_request_id: numberOf(room),
      }),
      stream: 'false',
    },
    replace: { stream_options: 'null' },
  }),
  decode({ room, endpoint }, answer) {
    const { choices, prompt_token_ids: tokens } = parseExactly(String(answer)) as ContextAnswer
    const [choice] = choices ?? []
    // It has ended with its first token: there is nothing to go on with.
    const goesOn = ['length', 'not_finished'].includes(choice?.finish_reason ?? '')
    if (!choice?.disaggregated_params || !goesOn) return null
    const params = {
      ...choice.disaggregated_params,
      request_type: 'generation_only',
      disagg_request_id: numberOf(room),
    }
    const name = endpoint === 'chat' ? 'prompt_token_ids' : 'prompt'
    return {
      set: {
        disaggregated_params: JSON.stringify(params),
        ...(Array.isArray(tokens) ? { [name]: JSON.stringify(tokens) } : {}),
      },
      replace: {},
    }
  },
}

interface ContextAnswer {
  readonly choices?: readonly {
    readonly finish_reason?: string | null
    readonly disaggregated_params?: Readonly<Record<string, unknown>> | null
  }[]
  readonly prompt_token_ids?: unknown
}

/** Smaller numbers are those that engines give by themselves (MIN_GLOBAL_ID). */
const numberOf = (room: number): number => 2 ** 42 + (room % (2 ** 53 - 2 ** 42))
