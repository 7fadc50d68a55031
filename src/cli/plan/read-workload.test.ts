import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeControl, runCommand, startFakeControl } from '../cli.fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen workload '))
let control: FakeControl
beforeAll(async () => {
  control = await startFakeControl()
})
afterAll(async () => {
  rmSync(directory, { recursive: true })
  await control.close()
})

const plan = (...flags: string[]) =>
  runCommand(
    ['plan', 'llama-3.1-8b', '--gpu', 'l40s:1', '--engine', 'vllm', '--quick', '--json', ...flags],
    { variables: { BALEEN_DATA: control.dataDirectory } },
  )

const request = (at: number) => ({
  id: `r${at}`,
  clientId: null,
  atMs: 1e12 + at * 500,
  key: 'k',
  route: 'support',
  endpoint: 'chat',
  stream: true,
  deployment: 'support',
  replica: null,
  outcome: at === 3 ? 'failed' : 'ok',
  status: 200,
  error: null,
  promptTokens: 800,
  completionTokens: 100,
  cachedTokens: 400,
  isEstimated: false,
  ttftMs: 200,
  e2eMs: 2000,
  holdMs: 0,
  itlMsMean: 18,
  attempts: 1,
  requestBytes: 1,
  responseBytes: 1,
})

describe('--workload', () => {
  it('takes what a live route gets, and its rate', async () => {
    const requests = Array.from({ length: 41 }, (_, at) => request(at))
    control.routes.set('GET /api/v1/requests', () => ({ requests }))
    const { stdout } = await plan('--workload', 'route:support', '--rate', 'mean')
    const report = JSON.parse(stdout)
    expect(report.workload).toMatchObject({
      inputTokens: 800,
      outputTokens: 100,
      prefixShare: 0.5,
      source: expect.stringMatching(/latest requests of support: 40 requests/),
    })
    expect(report.rateRps).toBeCloseTo(2, 0)
  })

  it('takes a trace with columns of its own', async () => {
    const path = join(directory, 'mine.csv')
    const lines = Array.from({ length: 20 }, (_, at) => `${at},300,30`)
    writeFileSync(path, ['when,asked,told', ...lines].join('\n'))
    const { stdout } = await plan(
      '--workload',
      path,
      '--columns',
      'time=when,input=asked,output=told',
    )
    expect(JSON.parse(stdout).workload).toMatchObject({ inputTokens: 300, outputTokens: 30 })
    expect((await plan('--workload', path)).stderr).toMatch(/injection\/bad-data/)
  })

  it.each([
    [['--workload', './nowhere.csv'], /there is no trace file/],
    [['--workload', 'chat', '--rate', 'peak'], /needs a trace or a route/],
    [['--workload', 'chat', '--columns', 'colour=red'], /--columns is like/],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await plan(...flags)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(message)
  })
})
