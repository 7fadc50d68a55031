import { describe, expect, it } from 'vitest'
import { findEngine } from './index.ts'
import { replicaOf } from './adapter.fixture.ts'
import { parseExactly, type Handshake } from './pairing.ts'
import { pairings } from './pairings.ts'

const handshake: Handshake = { host: '10.0.0.7', port: 8001, room: 12345, endpoint: 'chat' }
const read = (set: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(set).map(([name, json]) => [name, JSON.parse(json) as unknown]))
const of = (name: string) => pairings.get(name)!

describe('whole numbers of 64 bits', () => {
  it('pass as they are', () => {
    const text = '{"id":9223372036854775807,"near":9007199254740993,"small":7,"half":0.5,"e":1e300}'
    expect(JSON.stringify(parseExactly(text))).toBe(text.replace('1e300', '1e+300'))
  })
})

describe('vLLM', () => {
  const vllm = of('vllm')

  it('asks the one that reads for one token and for where its cache is', () => {
    const { set, replace } = vllm.prefill(handshake)
    expect(read(set)).toMatchObject({
      stream: false,
      max_tokens: 1,
      kv_transfer_params: { do_remote_decode: true, do_remote_prefill: false },
    })
    expect(read(replace)).toEqual({
      max_completion_tokens: 1,
      min_tokens: 0,
      stream_options: null,
    })
  })

  it('tells the one that writes what the other answered, and nothing else', () => {
    const where = { do_remote_prefill: true, remote_block_ids: [[1, 2]], remote_port: 5600 }
    const answer = Buffer.from(JSON.stringify({ choices: [], kv_transfer_params: where }))
    expect(read(vllm.decode(handshake, answer)!.set)).toEqual({ kv_transfer_params: where })
    expect(vllm.decode(handshake, Buffer.from('{"kv_transfer_params":null}'))).toBeNull()
  })

  it('leaves requests with several answers or prompts whole', () => {
    const one = { endpoint: 'chat', n: 1, hasSeveralPrompts: false } as const
    expect(vllm.refuse(one)).toBeNull()
    expect(vllm.refuse({ ...one, n: 2 })).toBe('several-answers')
    expect(vllm.refuse({ ...one, hasSeveralPrompts: true })).toBe('several-prompts')
  })
})

describe('SGLang', () => {
  it('has both meet in one room', () => {
    const sglang = of('sglang')
    expect(sglang.order).toBe('at-once')
    const told = read(sglang.prefill(handshake).set)
    expect(told).toEqual({
      bootstrap_host: '10.0.0.7',
      bootstrap_port: 8001,
      bootstrap_room: 12345,
    })
    expect(read(sglang.decode(handshake, null)!.set)).toEqual(told)
  })
})

describe('TensorRT-LLM', () => {
  const trtllm = of('trtllm')
  const params = '"disaggregated_params":{"ctx_request_id":9223372036854775807,"opaque":"x"}'

  it('goes on with what the context server answers, to the last digit', () => {
    const id = 2 ** 42 + 12345
    expect(read(trtllm.prefill(handshake).set)['disaggregated_params']).toEqual({
      request_type: 'context_only',
      disagg_request_id: id,
    })
    const answer = `{"choices":[{"finish_reason":"length",${params}}],"prompt_token_ids":[5,6]}`
    const { set } = trtllm.decode(handshake, Buffer.from(answer))!
    expect(set['disaggregated_params']).toBe(
      `{"ctx_request_id":9223372036854775807,"opaque":"x","request_type":"generation_only","disagg_request_id":${id}}`,
    )
    expect(set['prompt_token_ids']).toBe('[5,6]')
    const completion = trtllm.decode(
      { ...handshake, endpoint: 'completions' },
      Buffer.from(answer),
    )!
    expect(completion.set['prompt']).toBe('[5,6]')
  })

  it('does not go on with what has ended', () => {
    const answer = `{"choices":[{"finish_reason":"stop",${params}}]}`
    expect(trtllm.decode(handshake, Buffer.from(answer))).toBeNull()
  })
})

describe('adapters', () => {
  const pairingOf = (name: string, settings: object) => {
    const { deployment } = replicaOf(settings)
    return findEngine(name).pairing?.(deployment)?.protocol ?? null
  }

  it('name a protocol that there is, or none', () => {
    for (const name of ['vllm', 'sglang', 'trtllm', 'simulated'])
      expect(pairings.has(pairingOf(name, { role: 'prefill' }) ?? '')).toBe(true)
    expect(pairingOf('vllm', { role: 'prefill', kvTransfer: 'lmcache' })).toBeNull()
    expect(pairingOf('dynamo', { role: 'prefill' })).toBeNull()
    const sglang = { environment: { SIMULATED_ENGINE: 'sglang' } }
    expect(pairingOf('simulated', sglang)).toBe('sglang')
    expect(pairingOf('simulated', { environment: { SIMULATED_ENGINE: 'llama' } })).toBeNull()
  })

  it('say where caches are handed over: at the next port', () => {
    const plan = (name: string, role: 'prefill' | 'both') =>
      findEngine(name).launch(replicaOf({ role }))
    const { port } = replicaOf({})
    for (const name of ['vllm', 'sglang', 'trtllm']) {
      expect(plan(name, 'prefill').ports).toEqual([
        { name: 'http', port },
        { name: 'handover', port: port + 1 },
      ])
      expect(plan(name, 'both').ports).toHaveLength(1)
    }
    expect(plan('vllm', 'prefill').env).toMatchObject({
      VLLM_NIXL_SIDE_CHANNEL_HOST: '{address}',
      VLLM_NIXL_SIDE_CHANNEL_PORT: String(port + 1),
    })
    expect(plan('sglang', 'prefill').argv).toContain('--disaggregation-bootstrap-port')
  })
})
