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
  expect(publishedLaunch({ ...row, engine: 'sglang' })).toEqual({ max_num_batched_tokens: '2524' })
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
