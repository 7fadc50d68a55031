import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCommand } from '../cli.fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen choose '))
afterAll(() => rmSync(directory, { recursive: true }))

const ask = [
  'choose',
  '--task',
  'chat',
  '--languages',
  'de,en',
  '--gpu',
  'l40s:1',
  '--engine',
  'vllm',
]
const two = [...ask, '--models', 'llama-3.1-8b,qwen3-8b', '--workload', '500,100']

describe('baleen choose', () => {
  it('ranks by published scores, and names each with its source', async () => {
    const { code, stdout } = await runCommand(two)
    expect(code).toBe(0)
    expect(stdout).toMatch(/\d+ ± \d+ %/)
    expect(stdout).toMatch(/EuroEval knowledge, mmlu-de \(de\) \[\d\]/)
    expect(stdout).toMatch(/\[1\] .*https:\/\//)
    expect(stdout).toMatch(/Llama 3\.1 Community/)
  })

  it('says so where nobody has measured anything, and ranks by the rest', async () => {
    const { stdout } = await runCommand([...two, '--languages', 'xx'])
    expect(stdout).toMatch(/Nobody known has measured any of these for chat in xx/)
    expect(stdout).toMatch(/no score says how well these answer in xx: any of them/)
  })

  it('puts the better score first and names its source', async () => {
    const scores = join(directory, 'scores.csv')
    writeFileSync(
      scores,
      'model,task,language,benchmark,score,source\nllama-3.1-8b,chat,de,Mine,40,"own, invented for this test"\nqwen3-8b,chat,de,Mine,70,"own, invented for this test"\n',
    )
    const { stdout } = await runCommand([...two, '--scores', scores, '--json'])
    const { choices, isScored } = JSON.parse(stdout)
    expect(isScored).toBe(true)
    expect(choices[0]).toMatchObject({ model: 'Qwen3-8B', quality: 1, licence: 'Apache-2.0' })
    expect(choices[0].scores[0].source).toBe('own, invented for this test')
  })

  it('writes a file to fill in, reads it half filled in, and never writes over it', async () => {
    const file = join(directory, 'template.csv')
    const { stderr } = await runCommand([...two, '--template', file])
    expect(stderr).toMatch(/Fill in .*template\.csv/)
    const written = readFileSync(file, 'utf8')
    expect(written.split('\n')).toEqual([
      'model,task,language,benchmark,score,source',
      expect.stringMatching(/^(Qwen3-8B|Llama-3\.1-8B-Instruct),chat,de,,,$/),
      expect.stringMatching(/,chat,en,,,$/),
      expect.stringMatching(/,chat,de,,,$/),
      expect.stringMatching(/,chat,en,,,$/),
      '',
    ])
    expect((await runCommand([...two, '--template', file])).stderr).toMatch(/is there already/)
    writeFileSync(file, written.replace('Qwen3-8B,chat,de,,,', 'Qwen3-8B,chat,de,Mine,70,own'))
    const { stdout } = await runCommand([...two, '--scores', file, '--json'])
    expect(JSON.parse(stdout).choices[0]).toMatchObject({ model: 'Qwen3-8B', quality: 1 })
  })

  it.each([
    [['choose', '--gpu', 'l40s:1'], /--task is missing/],
    [[...two, '--scores', '/nowhere.csv'], /planner\/bad-scores/],
    [[...ask, '--min-size', '5000'], /no model is left/],
    [[...two, '--quality', 'high'], /is no share of the best/],
  ])('%j gets a coded error', async (argv, message) => {
    const { code, stderr } = await runCommand(argv)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(message)
  })
})
