import { expect, test } from 'vitest'
import { publishedLaunch } from './published-launch.ts'

const row = {
  source: 'aiconfigurator silicon_sample.csv (InferenceX dump / NVIDIA internal)',
  engine: 'trtllm',
  version: '1.0.0rc3',
  model: 'Qwen/Qwen3-32B',
  gpu: 'h100_sxm',
  isl: '1024',
  osl: '512',
  concurrency_or_batch: '16',
}

test('runs of NVIDIA have room for one prompt and some', () => {
  expect(publishedLaunch(row)).toEqual({ max_num_batched_tokens: '2540' })
})

test('under SGLang those are whole prompts, which later releases read in steps that decode', () => {
  const sglang = (version: string) => publishedLaunch({ ...row, engine: 'sglang', version })
  expect(sglang('0.5.1.post1')).toEqual({ max_num_batched_tokens: '2048' })
  expect(sglang('0.5.6.post2')).toEqual({ max_num_batched_tokens: '2048', scheduling: 'mixed' })
})

test('runs of InferenceX are started by its scripts', () =>
  expect(publishedLaunch({ ...row, model: 'openai/gpt-oss-120b' })).toMatchObject({
    max_num_batched_tokens: '20000',
    length_share: '0.9',
  }))

test.each([{ source: '' }, { engine: 'llama' }, { gpu: 'gb200' }, { concurrency_or_batch: 'max' }])(
  'nothing is said of %j',
  (change) => expect(publishedLaunch({ ...row, ...change })).toBeNull(),
)
