import { parseExactly, type PairProtocol } from '../pairing.ts'

/**
 * vLLM with NixlConnector, as its own proxy speaks it (tests/v1/kv_connector/nixl_integration/toy_proxy_server.py): the
 * one that reads is asked for one token and answers with where its cache is; the one that writes is told so and pulls it.
 * Without `kv_transfer_params` either is a vLLM like any other.
 */
export const vllmPairing: PairProtocol = {
  name: 'vllm',
  order: 'in-turn',
  members: ['kv_transfer_params'],
  decodesAlone: true,
  // The cache holds no log probabilities of a prompt.
  unshared: ['echo', 'prompt_logprobs'],
  refuse: ({ n, hasSeveralPrompts }) =>
    n > 1 ? 'several-answers' : hasSeveralPrompts ? 'several-prompts' : null,
  prefill: () => ({
    set: { kv_transfer_params: remoteDecode, stream: 'false', max_tokens: '1' },
    replace: { max_completion_tokens: '1', min_tokens: '0', stream_options: 'null' },
  }),
  decode(_, answer) {
    const { kv_transfer_params: where } = parseExactly(String(answer)) as {
      kv_transfer_params?: { do_remote_prefill?: boolean } | null
    }
    return where?.do_remote_prefill === true
      ? { set: { kv_transfer_params: JSON.stringify(where) }, replace: {} }
      : null
  },
}

const remoteDecode = JSON.stringify({
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
})
