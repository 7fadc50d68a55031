import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deploymentOf, runCommand, type RunOptions, startFakeControl } from '../cli.fixture.ts'

const data = mkdtempSync(join(tmpdir(), 'baleen calibrate '))
const runs = join(data, 'runs.csv')
const variables = { BALEEN_DATA: data }
const run = (argv: readonly string[], options: RunOptions = {}) =>
  runCommand(argv, { variables, ...options })

const header =
  'engine,version,model,gpu,num_gpus,tp,pp,precision,isl,osl,concurrency_or_batch,ttft_ms,tpot_ms'
const name = 'vllm-0.15-llama-3.1-8b-instruct-bf16-l40s'

/** A device half as fast as published runs: what predict says, doubled. */
beforeAll(async () => {
  const inputs = [1, 4, 8, 16, 32].map(
    (users) => `vllm,0.15,llama-3.1-8b,L40S,1,1,1,bf16,1000,200,${users}`,
  )
  writeFileSync(runs, [header, ...inputs.map((line) => `${line},,`)].join('\n'))
  const { stdout } = await run(['predict', '--rows', runs])
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const measured = inputs.map(
    (line, at) => `${line},${lines[at].ttftMsMean * 2},${lines[at].tpotMsMean * 2}`,
  )
  writeFileSync(runs, [header, ...measured].join('\n'))
})
afterAll(() => rmSync(data, { recursive: true }))

const predicted = async (...flags: string[]) => {
  const { stdout } = await run(['predict', '--rows', runs, ...flags])
  return JSON.parse(stdout.split('\n')[1]!)
}

const served = {
  clientId: null,
  key: 'k',
  route: 'support',
  endpoint: 'chat',
  stream: true,
  deployment: 'support',
  replica: null,
  outcome: 'ok',
  status: 200,
  error: null,
  promptTokens: 800,
  completionTokens: 120,
  cachedTokens: 0,
  isEstimated: false,
  holdMs: 0,
  itlMsMean: 48,
  attempts: 1,
  requestBytes: 1,
  responseBytes: 1,
}

describe('baleen calibrate', () => {
  it('says how far the error fell, keeps it, and the planner uses it', async () => {
    const before = await predicted()
    const { code, stdout, stderr } = await run(['calibrate', runs])
    expect(code).toBe(0)
    expect(stdout).toContain(name)
    expect(stdout).toMatch(/TPOT +5 +× 2\.0 +\d+\.\d % +\d+\.\d %/)
    expect(stderr).toMatch(/Kept/)
    const after = await predicted()
    expect(after.isCalibrated).toBe(true)
    expect(after.tpotMsMean / before.tpotMsMean).toBeCloseTo(2, 0)
    expect(await predicted('--calibration', 'none')).toEqual(before)
    const plan = await run([
      'plan',
      'llama-3.1-8b',
      '--gpu',
      'l40s:1',
      '--engine',
      'vllm',
      '--weights',
      'bf16',
      '--quick',
    ])
    expect(plan.stdout).toMatch(/predicted with your own calibration/)
  })

  it('lists, exports, imports and removes', async () => {
    expect((await run(['calibration', 'list'])).stdout).toContain(name)
    const { stdout } = await run(['calibration', 'show', name, '--json'])
    const file = join(data, 'exported.json')
    writeFileSync(file, stdout)
    expect((await run(['calibration', 'rm', name])).code).toBe(0)
    expect(await predicted()).not.toHaveProperty('isCalibrated')
    expect(await predicted('--calibration', file)).toHaveProperty('isCalibrated', true)
    expect((await run(['calibration', 'import', file])).stdout).toContain(name)
    expect((await run(['calibration', 'rm', 'nothing'])).stderr).toMatch(
      /planner\/calibration-not-found/,
    )
  })

  it.each([
    [['calibrate'], /name what you measured/],
    [['calibrate', '/nowhere.csv'], /can't read/],
    [['calibrate', 'nothing-of-that-name'], /there is no report\.json of run|there is no run/],
  ])('%j gets a coded error', async (argv, message) => {
    const { code, stderr } = await run(argv)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(message)
  })

  it('learns from what the gateway saw of a deployment', async () => {
    const control = await startFakeControl()
    const view = deploymentOf({ name: 'support', engine: 'vllm' })
    // Three stretches of traffic, each busier and slower than the one before.
    const requests = [1000, 500, 250].flatMap((gapMs, stretch) =>
      Array.from({ length: 16 }, (_, at) => ({
        ...served,
        id: `${stretch}-${at}`,
        atMs: 1e12 + stretch * 1e6 + at * gapMs,
        ttftMs: 150 + 30 * stretch,
        e2eMs: 6000 + 600 * stretch,
      })),
    )
    control.routes.set('GET /api/v1/deployments/support', () => view)
    control.routes.set('GET /api/v1/requests', () => ({ requests }))
    const subject = ['--model', 'llama-3.1-8b', '--gpu', 'l40s:1', '--weights', 'bf16']
    const { code, stdout } = await run(
      ['calibrate', '--deployment', 'support', ...subject, '--dry-run', '--json'],
      { variables: { BALEEN_DATA: control.dataDirectory } },
    )
    await control.close()
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      calibration: { engine: 'vllm', device: 'L40S', weights: 'bf16' },
      evidence: { runs: 3, conditions: 3, sources: ['deployment support'] },
    })
  })

  it('is used by simulate, which says so', async () => {
    const scenario = join(data, 'scenario.yaml')
    writeFileSync(
      scenario,
      `pools: [{ deployment: { version: "0.15", model: llama-3.1-8b, gpu: L40S, precision: bf16 } }]
workload: { users: 4, requests: 8, inputTokens: 1000, outputTokens: 200 }`,
    )
    const simulate = async (...flags: string[]) => {
      const { stdout, stderr } = await run(['simulate', scenario, '--json', ...flags])
      return { ...JSON.parse(stdout), stderr }
    }
    await run(['calibrate', runs])
    const [own, published] = [await simulate(), await simulate('--calibration', 'none')]
    expect(own).toMatchObject({
      calibrated: ['main'],
      stderr: expect.stringContaining('pool main'),
    })
    expect(published).toMatchObject({ calibrated: [], stderr: '' })
    expect(own.summary.tpotMs.mean).toBeGreaterThan(1.5 * published.summary.tpotMs.mean)
  })

  it('refuses a table without results', async () => {
    const path = join(data, 'bare.csv')
    writeFileSync(
      path,
      'engine,version,model,gpu,num_gpus,tp,pp,precision,isl,osl,concurrency_or_batch\nvllm,,llama-3.1-8b,L40S,1,1,1,bf16,1,1,1',
    )
    expect((await run(['calibrate', path])).stderr).toMatch(
      /planner\/bad-calibration.*has no results/,
    )
  })
})
