import { describe, expect, it } from 'vitest'
import { parseLoad } from './load.ts'

describe('parseLoad', () => {
  it.each([
    ['64', { kind: 'closed', concurrency: 64 }],
    ['max_concurrency=16', { kind: 'closed', concurrency: 16 }],
    ['num_prompts=1000 rate=inf max_conc=96', { kind: 'closed', concurrency: 96 }],
    ['num_prompts=1000 rate=inf', { kind: 'saturated', prompts: 1000 }],
    ['num_prompts=3200 max_num_seqs=3200', { kind: 'saturated', prompts: 3200 }],
    ['max-load', { kind: 'saturated', prompts: null }],
    ['Offline', { kind: 'saturated', prompts: null }],
    ['qps=4', { kind: 'open', rateRps: 4, prompts: null }],
    ['Server qps=8.62', { kind: 'open', rateRps: 8.62, prompts: null }],
    ['open-loop ~10 req/s, 300 reqs', { kind: 'open', rateRps: 10, prompts: 300 }],
    ['open-loop multi-stage', { kind: 'open', rateRps: null, prompts: null }],
    ['', null],
    ['soon', null],
  ])('reads "%s"', (text, load) => {
    expect(parseLoad(text, null)).toEqual(load)
  })

  it('takes the rate of its own column first', () => {
    expect(parseLoad('open-loop multi-stage', 2.5)).toEqual({
      kind: 'open',
      rateRps: 2.5,
      prompts: null,
    })
  })
})
