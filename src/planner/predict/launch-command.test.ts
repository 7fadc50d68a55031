import { expect, test } from 'vitest'
import { readLaunchCommand } from './launch-command.ts'
import { readRow } from './row.ts'

test.each([
  ['vllm serve m -tp 8 --max-num-seqs 64', { tp: '8', max_num_seqs: '64' }],
  [
    'vllm serve m --speculative-config {"method":"mtp","num_speculative_tokens":1} --enforce-eager',
    { speculative: 'mtp:tokens=1', compile: 'eager' },
  ],
  [
    'vllm serve m -tp 4 -dp 2 --enable-expert-parallel --gpu-memory-utilization=0.85',
    { tp: '4', dp: '2', ep: '8', gpu_memory_utilization: '0.85' },
  ],
  [
    'python3 -m sglang.launch_server --model-path m --tp-size 4 --ep-size 4 --enable-torch-compile',
    { tp: '4', ep: '4', compile: 'full' },
  ],
  [
    'sglang --speculative-algorithm EAGLE3 --speculative-num-steps 4 --speculative-eagle-topk 1',
    { speculative: 'eagle:tokens=4,width=1,verified=5' },
  ],
  [
    'sglang --speculative-algorithm EAGLE --speculative-num-steps 3',
    { speculative: 'eagle:tokens=3,width=4,verified=8' },
  ],
  [
    'trtllm-serve m --tp_size 8 --max_num_tokens=16384',
    { tp: '8', max_num_batched_tokens: '16384' },
  ],
  [
    'sglang --scheduler-recv-interval 10 --chunked-prefill-size 16384',
    { recv_interval: '10', max_num_batched_tokens: '16384' },
  ],
  ['sglang --enable-mixed-chunk', { scheduling: 'mixed' }],
  ['vllm serve m --kv-cache-dtype auto', {}],
])('%s', (command, expected) => expect(readLaunchCommand(command)).toEqual(expected))

test('a column of its own wins over the command', () => {
  const row = readRow({
    tp: '2',
    max_num_seqs: '',
    command: 'vllm serve m -tp 8 --max-num-seqs 64',
  })
  expect(row).toMatchObject({ tp: 2, maxSequences: 64 })
})
