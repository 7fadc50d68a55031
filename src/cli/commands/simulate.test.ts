import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../cli.fixture.ts'
import { exampleScenario } from '../simulate/example-scenario.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-simulate-'))
  await writeFile(join(directory, 'small.yaml'), small)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const small = `
pools: [{ replicas: 2, step: { base: 5, promptToken: 0.05, sequence: 0.05 } }]
workload: { rate: 20, duration: 5s, inputTokens: 100, outputTokens: 20 }
faults: [{ kind: crash, at: 2s, replica: 0, restart: 1s }]
slo: { ttft: 1s }
`
const simulate = (...words: string[]) => runCommand(['simulate', ...words])
const at = (name: string): string => join(directory, name)

test('the example runs', async () => {
  const { stdout } = await simulate('--example')
  expect(stdout).toBe(exampleScenario)
  await writeFile(at('example.yaml'), stdout)
  const { code, stdout: told } = await simulate(at('example.yaml'))
  expect(told).toMatch(/TTFT +\d/)
  expect(code).toBe(0)
})

test('the same file and seed give the same events and the same figures; another seed gives others', async () => {
  const run = async (events: string, ...more: string[]) => {
    const { stdout } = await simulate(at('small.yaml'), '--json', '--events', at(events), ...more)
    return { stdout, log: await readFile(at(events), 'utf8') }
  }
  const first = await run('first.jsonl')
  expect(await run('second.jsonl')).toEqual(first)
  expect((await run('third.jsonl', '--seed', '9')).log).not.toBe(first.log)
  const { summary, timeline } = JSON.parse(first.stdout) as Record<string, never>
  expect(summary).toMatchObject({
    requests: { all: expect.any(Number) },
    attainment: expect.any(Number),
  })
  expect(timeline).toMatchObject({ atMs: expect.any(Array), kvUsage: expect.any(Array) })
  expect(first.log).toContain('"event":"replica-failed"')
})

test('the timeline is drawn as a page and as a picture', async () => {
  await simulate(at('small.yaml'), '--chart', at('t.html'))
  await simulate(at('small.yaml'), '--chart', at('t.svg'))
  const [page, picture] = [
    await readFile(at('t.html'), 'utf8'),
    await readFile(at('t.svg'), 'utf8'),
  ]
  expect(page).toContain('Time to first token')
  expect(page).toContain('crash of replica 0')
  expect(picture).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
})

test.each([
  [
    'a line of the file',
    'pools: [{ replica: 2 }]',
    /bad\.yaml:1: pools\[0\]\.replica: there is no such/,
  ],
  ['what is no YAML', 'pools: [', /not YAML/],
  ['a setting that there is not', `${small}workload2: 1`, /workload2/],
])('%s is named when it is wrong', async (_, text, reason) => {
  await writeFile(at('bad.yaml'), text)
  const { code, stderr } = await simulate(at('bad.yaml'))
  expect(stderr).toMatch(reason)
  expect(stderr).toContain('simulation/bad-scenario')
  expect(code).not.toBe(0)
})

test('a file that is not there, and a chart of no known kind, are told', async () => {
  expect((await simulate(at('none.yaml'))).stderr).toContain("can't read")
  expect((await simulate(at('small.yaml'), '--chart', 'x.png')).code).toBe(2)
  const { code, stderr } = await simulate(at('small.yaml'), '--chart', at('no such/x.svg'))
  expect(code).toBe(2)
  expect(stderr).toMatch(/can't write .*: its folder is not there/)
})

test('a trace is read by the columns that the scenario names, and what is missing is told', async () => {
  const scenario = (workload: string) => `${small.split('workload:')[0]}workload: ${workload}\n`
  await writeFile(at('trace.csv'), 'when,ask,tell\n0,100,10\n1,200,20\n')
  await writeFile(at('unnamed.yaml'), scenario('{ trace: trace.csv }'))
  await writeFile(at('nowhere.yaml'), scenario('{ trace: none.csv }'))
  await writeFile(
    at('named.yaml'),
    scenario('{ trace: trace.csv, columns: { time: when, input: ask, output: tell } }'),
  )
  const unnamed = await simulate(at('unnamed.yaml'))
  expect(unnamed.stderr).toMatch(/no column .* looks like a time.*\n.*columns: \{ time/)
  const nowhere = await simulate(at('nowhere.yaml'))
  expect(nowhere.stderr).toMatch(/can't read .*none\.csv/)
  expect(unnamed.stderr + nowhere.stderr).not.toContain('--columns')
  const { code, stdout } = await simulate(at('named.yaml'), '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout).summary.requests.all).toBe(2)
})
