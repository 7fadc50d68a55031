import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEnvironment } from '../../server/environment.ts'
import type { Context } from '../command.ts'
import { predict } from './predict.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-predict-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function run(text: string | null): Promise<unknown[]> {
  const path = join(directory, 'rows.csv')
  if (text !== null) await writeFile(path, text)
  const lines: unknown[] = []
  const output = { line: (line: string) => lines.push(JSON.parse(line)), note: () => {} }
  await predict.run({
    flags: { rows: text === null ? join(directory, 'absent.csv') : path },
    output,
    io: {
      environment: readEnvironment({ HOME: directory }),
      workingDirectory: directory,
    },
  } as unknown as Context)
  return lines
}

const header =
  'source,version,engine,model,gpu,num_gpus,tp,pp,precision,isl,osl,concurrency_or_batch,throughput_tok_s,ttft_ms,tpot_ms,notes'

describe('baleen predict', () => {
  it('writes one line a row, in order', async () => {
    const lines = await run(
      `${header}\nx,0.15,vllm,Qwen3-32B,h100,2,2,1,"fp8 (gemm fp8)",1024,256,16,,,,\nx,,vllm,Qwen3-32B,abacus,1,1,1,,1,1,1,,,,\n`,
    )
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({
      index: 0,
      tpotMsMean: expect.any(Number),
      kvBlocks: expect.any(Number),
    })
    expect(lines[1]).toEqual({
      index: 1,
      unsupported: expect.stringMatching(/^unknown accelerator "abacus"/),
    })
  })

  it('reads what a spreadsheet wrote, with semicolons and a byte order mark', async () => {
    const row = 'x,,vllm,Qwen3-32B,h100,2,2,1,fp8,1024,256,16,,,,'
    const plain = await run(`${header}\n${row}\n`)
    const semicolons = `\uFEFF${header}\r\n${row}\r\n`.replaceAll(',', ';')
    expect(await run(semicolons)).toEqual(plain)
  })

  it.each([
    ['a table without the columns', 'a,b\n1,2\n'],
    ['an empty file', ''],
    ['no file', null],
  ])('refuses %s with a code', async (_, text) => {
    await expect(run(text)).rejects.toMatchObject({ code: 'planner/bad-rows' })
  })
})
