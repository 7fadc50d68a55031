import { expect, test } from 'vitest'
import { inferencexLaunch } from './inferencex.ts'
import { readRow } from './row.ts'

const row = {
  source: 'aiconfigurator silicon_sample.csv (InferenceX dump / NVIDIA internal)',
  engine: 'sglang',
  version: '0.5.9',
  model: 'deepseek-ai/DeepSeek-R1',
  gpu: 'b200_sxm',
  num_gpus: '8',
  tp: '8',
  pp: '1',
  precision: 'fp8 (gemm fp8, moe fp8_block)',
  isl: '1024',
  osl: '1024',
  concurrency_or_batch: '64',
}

test('a row of InferenceX is started as its scripts start it', () => {
  expect(readRow(row)).toMatchObject({
    kvDtype: 'fp8',
    recvInterval: 30,
    lengthShare: 0.9,
    batchedTokens: 32_768,
  })
  expect(readRow({ ...row, concurrency_or_batch: '8' }).recvInterval).toBe(10)
})

test('columns that are filled win', () =>
  expect(readRow({ ...row, kv_dtype: 'bf16', length_share: '1' })).toMatchObject({
    kvDtype: 'bf16',
    lengthShare: 1,
    recvInterval: 30,
  }))

test.each([
  { source: '' },
  { source: 'InferenceX experimental/token_position_decode_slo' },
  { model: 'Qwen/Qwen3-32B' },
  { engine: 'llama' },
  { concurrency_or_batch: 'max-load' },
])('nothing is said of %j', (change) => expect(inferencexLaunch({ ...row, ...change })).toBeNull())

test.each([
  [{ engine: 'trtllm', version: '1.1.0rc2.post2' }, 'deepgemm'],
  [{ engine: 'trtllm', version: '1.2.0rc6.post2' }, undefined],
  [{ engine: 'trtllm', version: '1.1.0rc2.post2', gpu: 'h200_sxm' }, undefined],
  [{ engine: 'vllm', version: '0.17.0', model: 'MiniMaxAI/MiniMax-M2.5' }, 'triton'],
  [{ engine: 'vllm', version: '0.19.0', model: 'MiniMaxAI/MiniMax-M2.5' }, undefined],
  [{ engine: 'vllm', version: '0.18.0', model: 'openai/gpt-oss-120b', gpu: 'h100_sxm' }, 'marlin'],
  [{ engine: 'vllm', version: '0.11.2', model: 'openai/gpt-oss-120b', gpu: 'h100_sxm' }, undefined],
])('the experts of %j run on the kernels that its script names: %s', (change, kernels) =>
  expect(inferencexLaunch({ ...row, ...change })?.expert_kernels).toBe(kernels),
)

test('ranks that a script lays otherwise than the table says win over filled columns', () => {
  const minimax = { engine: 'vllm', version: '0.18.0', model: 'MiniMaxAI/MiniMax-M2.5' }
  const of = (change: object) => readRow({ ...row, ...minimax, gpu: 'h200_sxm', ...change }).ep
  expect(of({ ep: '1' })).toBe(8)
  expect(of({ ep: '1', version: '0.16.0' })).toBe(1)
})

test('TensorRT-LLM has room for one prompt beside those that decode', () => {
  const tokens = (version: string, isl: string) =>
    inferencexLaunch({ ...row, engine: 'trtllm', version, isl })?.max_num_batched_tokens
  expect(tokens('1.1.0rc2.post2', '1024')).toBe('1152')
  expect(tokens('1.2.0rc6.post2', '1024')).toBe('8192')
  expect(tokens('1.2.0rc6.post2', '8192')).toBe('8320')
})

test('where attention is data-parallel prompts wait for one another, for 60 steps at the longest', () => {
  const interval = (concurrency: string, speculative = '') => {
    const balanced = { ...row, engine: 'trtllm', version: '1.2.0rc6.post2', dp: '8', speculative }
    return readRow({ ...balanced, concurrency_or_batch: concurrency }).recvInterval
  }
  // 0.25 requests a step: 8 ranks have one each after 32.
  expect(interval('256')).toBe(32)
  expect(interval('256', 'mtp:tokens=1,acceptance=0.5')).toBe(21)
  expect(interval('64')).toBe(60)
})

test('drafted runs of Qwen3.5 take as many sequences as there are users', () => {
  const qwen = { ...row, model: 'Qwen/Qwen3.5-397B-A17B', tp: '4', concurrency_or_batch: '256' }
  expect(readRow(qwen).maxSequences).toBe(128)
  const drafted = { ...qwen, speculative: 'mtp:tokens=3,acceptance=0.5' }
  expect(readRow(drafted).maxSequences).toBe(256)
})
