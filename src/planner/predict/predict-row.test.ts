import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { type Prediction, predictRow } from './predict-row.ts'
import { readRow } from './row.ts'

const base = {
  engine: 'vllm',
  version: '0.15.1',
  model: 'meta-llama/Llama-3.1-8B-Instruct',
  gpu: 'h100',
  num_gpus: '1',
  tp: '1',
  pp: '1',
  precision: 'bf16',
  isl: '1024',
  osl: '256',
  concurrency_or_batch: '16',
}

const say = (change: Record<string, string>) =>
  predictRow(0, readRow({ ...base, ...change }), engineModels)

function predicted(change: Record<string, string>): Prediction {
  const answer = say(change)
  if ('unsupported' in answer) throw new Error(answer.unsupported)
  return answer
}

describe('predictRow', () => {
  it('never reads what was measured', () => {
    const results = {
      throughput_tok_s: '1',
      ttft_ms: '1',
      tpot_ms: '1',
      notes: 'e2e_mean=1; tpot=1',
      source: 'x',
    }
    expect(say(results)).toEqual(say({}))
  })

  it('gives every figure with an interval around it', () => {
    const answer = predicted({})
    expect(answer.e2eMsMean).toBeCloseTo(answer.ttftMsMean + answer.tpotMsMean * 255, -1)
    for (const [value, [low, high]] of [
      [answer.ttftMsMean, answer.errorBar.ttftMs],
      [answer.tpotMsMean, answer.errorBar.tpotMs],
      [answer.e2eMsMean, answer.errorBar.e2eMs],
      [answer.outputTokensPerSecond, answer.errorBar.outputTokensPerSecond],
    ] as const) {
      expect(low).toBeLessThan(value)
      expect(high).toBeGreaterThan(value)
    }
  })

  it('is slower a token and faster in all with more users', () => {
    const few = predicted({ concurrency_or_batch: '4' })
    const many = predicted({ concurrency_or_batch: '64' })
    expect(many.tpotMsMean).toBeGreaterThan(few.tpotMsMean)
    expect(many.outputTokensPerSecond).toBeGreaterThan(few.outputTokensPerSecond)
  })

  it('sends its first token later where requests are looked for rarely, and takes about as long for the next', () => {
    const drawn = { engine: 'sglang', length_share: '0.9' }
    const often = predicted(drawn)
    const rarely = predicted({ ...drawn, recv_interval: '30' })
    expect(rarely.ttftMsMean).toBeGreaterThan(often.ttftMsMean + 5 * often.tpotMsMean)
    expect(rarely.tpotMsMean / often.tpotMsMean).toBeCloseTo(1, 1)
  })

  it('reads prompts as short as they were drawn, and adds up E2E for the length that is named', () => {
    const full = predicted({})
    const drawn = predicted({ length_share: '0.9' })
    expect(drawn.ttftMsMean).toBeLessThan(full.ttftMsMean)
    expect(drawn.e2eMsMean).toBeCloseTo(drawn.ttftMsMean + drawn.tpotMsMean * 255, -1)
  })

  it('cannot beat reading the weights', () => {
    const weightsMs = ((2 * 8.03e9) / 3350e9) * 1e3
    expect(predicted({ concurrency_or_batch: '1' }).tpotMsMean).toBeGreaterThan(weightsMs * 0.9)
  })

  // num_gpu_blocks that vLLM 0.15 logged on H100 (sim-to-real-accuracy-validation).
  it.each([
    ['meta-llama/Llama-2-7b-hf', '1', 7463],
    ['Qwen/Qwen2.5-7B-Instruct', '1', 65_368],
    ['mistralai/Mistral-Nemo-Instruct-2407', '1', 19_251],
    ['meta-llama/Llama-3.1-70B-Instruct', '4', 30_425],
    ['01-ai/Yi-34B', '2', 20_793],
  ])('counts the KV blocks of %s within 3 %%', (model, tp, blocks) => {
    const answer = predicted({ model, tp, num_gpus: tp, precision: 'bf16' })
    expect(Math.abs(answer.kvBlocks / blocks - 1)).toBeLessThan(0.03)
  })

  it('queues what the cache cannot hold', () => {
    const roomy = predicted({ isl: '8192', osl: '1024', concurrency_or_batch: '40' })
    const crowded = predicted({ isl: '8192', osl: '1024', concurrency_or_batch: '400' })
    expect(crowded.ttftMsMean).toBeGreaterThan(roomy.ttftMsMean * 5)
    expect(crowded.outputTokensPerSecond).toBeLessThan(roomy.outputTokensPerSecond * 1.5)
  })

  it.each([
    [{ model: 'nobody/nothing-9b' }, /unknown model/],
    [{ gpu: 'N/A' }, /unknown accelerator/],
    [{ engine: 'Deepspeed' }, /no model of the engine/],
    [{ model: 'meta-llama/Llama-3.1-405B-Instruct' }, /needs \d+ GB/],
    [{ concurrency_or_batch: '' }, /no load/],
    [{ isl: 'many' }, /isl is "many": a number is meant/],
    [{ tp: 'two', pp: 'x1' }, /tp is "two", pp is "x1": a number is meant/],
    [{ engine: '' }, /the column engine is empty: name one of .*vllm.*sglang/],
    [{ engine: '', command: 'mindie serve Qwen3-8B' }, /the column engine is empty/],
    [{ model: '' }, /the column model is empty/],
    [{ gpu: '' }, /the column gpu is empty/],
    [{ gpu: 'rtx 4099' }, /nearest: RTX 40/],
    [{ isl: '4k' }, /isl is "4k": a number is meant/],
    [{ isl: '1,024' }, /isl is "1,024"/],
    [{ isl: '-5' }, /isl is "-5": from 1 to/],
    [{ isl: '1e12' }, /isl is "1e12": from 1 to/],
    [{ gpu_memory_utilization: '90' }, /a share from 0 to 1 is meant/],
    [{ osl: '' }, /no output length/],
    [{ model: 'google-bert/bert-base-uncased' }, /does not generate/],
  ])('says why %j is unsupported', (change, reason) => {
    expect(say(change)).toMatchObject({ unsupported: expect.stringMatching(reason) })
  })

  it('takes the engine from the launch command, and numbers as programs write them', () => {
    const command = 'python3 -m sglang.launch_server --model-path m --tp-size 1'
    expect(say({ engine: '', command })).toEqual(say({ engine: 'sglang', command }))
    expect(say({ isl: '1.024e3', gpu_memory_utilization: '.9' })).toEqual(
      say({ isl: '1024', gpu_memory_utilization: '0.9' }),
    )
  })

  it('answers every row with finite figures or a reason', () => {
    const some = (...values: string[]) => fc.constantFrom(...values)
    fc.assert(
      fc.property(
        fc.record({
          engine: some('vLLM', 'sglang', 'TensorRT-LLM', 'llama.cpp', 'x'),
          model: some(
            'gpt-oss-120b',
            'DeepSeek-R1',
            'Qwen3-32B',
            'gemma-3-27b-it',
            'Qwen3.5-397B-A17B',
            'Llama-2-7b',
          ),
          gpu: some('h100', 'L40S', 'a100', 'gb200', 'MI300X', 'T4', 'rtx 4090'),
          num_gpus: some('', '1', '4', '8', '64'),
          tp: some('', '1', '3', '8', '72'),
          precision: some('', 'fp8', 'fp4', 'int4', 'bf16'),
          isl: some('', '1', '128', '100000'),
          osl: some('1', '128', '8192'),
          concurrency_or_batch: some(
            '1',
            '500',
            'max-load',
            'qps=4',
            'qps=0',
            'open-loop multi-stage',
            'num_prompts=1000 rate=inf',
          ),
          rate_rps: some('', '0.1', '1000', '-1'),
          prefix_share: some('', '0', '0.9', '7'),
          max_num_seqs: some('', '1', '128'),
          gpu_memory_utilization: some('', '0.5', '0.95'),
        }),
        (cells) => {
          const answer = predictRow(0, readRow({ ...base, ...cells }), engineModels)
          if ('unsupported' in answer) return answer.unsupported.length > 10
          return [
            answer.ttftMsMean,
            answer.tpotMsMean,
            answer.e2eMsMean,
            answer.outputTokensPerSecond,
          ].every((value) => Number.isFinite(value) && value > 0)
        },
      ),
      { numRuns: 500 },
    )
  })
})
