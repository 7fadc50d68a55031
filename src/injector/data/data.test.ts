import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { dispersionIndex, gapVariation } from '../policy/statistics/dispersion.ts'
import { readDataset } from './dataset.ts'
import { readRecording } from './recording.ts'
import { formatCsvCell, parseCsv } from './table.ts'

const folder = mkdtempSync(join(tmpdir(), 'baleen-data-'))
afterAll(() => rmSync(folder, { recursive: true }))
const write = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const recording = (name: string, text: string, columns = {}) =>
  readRecording({ path: write(name, text), columns, fromMs: 0, toMs: null })

describe('CSV', () => {
  it('reads what it writes', () => {
    const rows = fc.array(fc.array(fc.string(), { minLength: 2, maxLength: 4 }), { minLength: 1 })
    fc.assert(
      fc.property(rows, fc.constantFrom('\n', '\r\n'), (expected, end) => {
        const text = expected.map((row) => row.map(formatCsvCell).join(',')).join(end)
        expect(parseCsv(text)).toEqual(expected)
      }),
    )
  })
})

describe('recordings', () => {
  it('of Azure: dates with seven decimals', () => {
    const { timesMs, inputTokens, outputTokens } = recording(
      'azure.csv',
      'TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n',
    )
    expect(timesMs[1]).toBeCloseTo(4314.579, 3)
    expect([...inputTokens!, ...outputTokens!]).toEqual([374, 396, 44, 109])
  })
  it.each([
    ['semicolons', 'arrival_s;input_tokens;output_tokens\n0;5;6\n1.5;5;6\n'],
    [
      'nanoseconds, by the name',
      'arrival_time_ns,input_tokens,output_tokens\n0,5,6\n1500000000,5,6\n',
    ],
  ])('with %s', (name, text) => {
    const { timesMs, inputTokens } = recording(`${name.slice(0, 4)}.csv`, text)
    expect([...timesMs]).toEqual([0, 1500])
    expect([...inputTokens!]).toEqual([5, 5])
  })
  it('of Mooncake: milliseconds and blocks', () => {
    const { timesMs, prefixBlocks } = recording(
      'mooncake.jsonl',
      '{"timestamp":27,"input_length":9,"output_length":5,"hash_ids":[1,2]}\n{"timestamp":1027,"input_length":9,"output_length":5,"hash_ids":[1]}\n',
    )
    expect([...timesMs]).toEqual([0, 1000])
    expect(prefixBlocks).toEqual([[1, 2], [1]])
  })
  it('of anybody, by naming columns', () => {
    const columns = { time: 'when', input: 'in', unit: 'ms' }
    const { timesMs, inputTokens, outputTokens } = recording(
      'own.csv',
      'when,in\n500,3\n100,2\n',
      columns,
    )
    expect([...timesMs, ...inputTokens!]).toEqual([0, 400, 2, 3])
    expect(outputTokens).toBeNull()
  })
  it.each([
    ['', {}, /no rows/],
    ['a,b\n1,2\n', {}, /looks like a time/],
    ['time\nsoon\n', {}, /row 1: "soon" is no time/],
    ['time\n1\n', { time: 'x' }, /no column "x"; it has time/],
    ['time\n1\n', { unit: 'h' }, /no unit of time/],
    ['{"time":1}\n{', {}, /line 2 is not JSON/],
  ])('refuse %j', (text, columns, message) => {
    expect(() => recording('bad', text, columns)).toThrow(message)
  })
})

describe('datasets', () => {
  it.each([
    ['{"question":"Why?"}', [{ turns: ['Why?'] }]],
    ['{"turns":["a","b"]}', [{ turns: ['a', 'b'] }]],
    ['{"instruction":"Sum","input":"1 2"}', [{ turns: ['Sum\n\n1 2'] }]],
    [
      '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"x"},{"role":"user","content":"v"}]}',
      [{ turns: ['u', 'v'], system: 's' }],
    ],
    [
      '{"conversations":[{"from":"human","value":"h"},{"from":"gpt","value":"g"}]}',
      [{ turns: ['h'] }],
    ],
  ])('know the layout of %s', (text, expected) => {
    expect(readDataset(write('set.jsonl', text), {})).toEqual(expected)
  })
  it('take a named column, and say what there is instead', () => {
    const path = write('set.csv', 'ask,tell\nQ,S\n')
    expect(readDataset(path, { prompt: 'ask', system: 'tell' })).toEqual([
      { turns: ['Q'], system: 'S' },
    ])
    expect(() => readDataset(path, {})).toThrow(/its columns are ask, tell/)
  })
})

const published = join(import.meta.dirname, '../../../../shared/data')
describe.skipIf(!existsSync(published))('published files (../shared/data)', () => {
  const trace = (name: string) =>
    readRecording({ path: join(published, 'traces', name), columns: {}, fromMs: 0, toMs: null })

  it('the conversations of Azure 2023 have the burstiness that was published', () => {
    const { timesMs } = trace('AzureLLMInferenceTrace_conv_2023.csv')
    expect(timesMs).toHaveLength(19_366)
    expect(gapVariation(timesMs)).toBeCloseTo(1.09, 1)
    expect(dispersionIndex(timesMs, 60_000, timesMs.at(-1)!)).toBeGreaterThan(15)
  })
  it('BurstGPT, Mooncake and ServeGen are read', () => {
    expect(gapVariation(trace('burstgpt_first500_recovered.csv').timesMs)).toBeCloseTo(4.9, 0)
    expect(trace('mooncake_synthetic_trace.jsonl').prefixBlocks).toHaveLength(3993)
    expect(trace('servegen/requests_deepseek-r1_1h.csv').inputTokens).toHaveLength(46_628)
  })
  it.each([
    ['gsm8k_test.jsonl', 1319],
    ['HumanEval.jsonl', 164],
    ['mt_bench_question.jsonl', 80],
    ['vicuna_bench_question.jsonl', 80],
  ])('%s holds %d prompts', (name, count) => {
    expect(readDataset(join(published, 'prompts', name), {})).toHaveLength(count)
  })
})
