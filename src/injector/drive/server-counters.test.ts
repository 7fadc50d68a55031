import { describe, expect, it } from 'vitest'
import { counterChange, parseCounters } from './server-counters.ts'

describe('server counters', () => {
  it('are summed over labels, under the names of each server', () => {
    const vllm = `# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model="a"} 10
vllm:generation_tokens_total{model="b"} 5.0
vllm:generation_tokens_total_created{model="b"} 1e9
vllm:prompt_tokens_total 3
`
    expect(parseCounters(vllm)).toEqual({ outputTokens: 15, promptTokens: 3 })
    const baleen = `baleen_gateway_tokens_total{route="r",kind="prompt"} 7
baleen_gateway_tokens_total{route="r",kind="completion"} 8
baleen_gateway_tokens_total{route="r",kind="cached"} 1
`
    expect(parseCounters(baleen)).toEqual({ outputTokens: 8, promptTokens: 7 })
    expect(parseCounters('up 1\n')).toBeNull()
  })
  it('say nothing after a restart', () => {
    const at = (outputTokens: number | null) => ({ outputTokens, promptTokens: null })
    expect(counterChange(at(10), at(25))).toEqual(at(15))
    expect(counterChange(at(10), at(2))).toEqual(at(null))
    expect(counterChange(at(10), null)).toBeNull()
  })
})
