import { describe, expect, test } from 'vitest'
import { type ScenarioInput, scenario as schema } from '../../contract/scenario.ts'
import { engineModels } from '../../engines/models.ts'
import { readRow } from '../../planner/predict/row.ts'
import { readScenario } from '../../planner/predict/read-scenario.ts'
import { steadyState } from '../../planner/load/steady-state.ts'
import { summarise } from '../results/summarise.ts'
import { simulate } from '../simulate.ts'
import { plannedEngine } from './planned-engine.ts'
import { scenarioWorkload } from './scenario-workload.ts'
import { simulationSetup } from './simulation-setup.ts'

const pools = [{ step: { base: 5, promptToken: 0.05, sequence: 0.05 } }]
const read = (input: Partial<ScenarioInput>) => schema.parse({ pools, ...input })
const workload = (given: ScenarioInput['workload']) =>
  scenarioWorkload(read({ workload: given }), null)

describe('a workload', () => {
  test('comes as often and as long as was said, and the same seed gives the same', () => {
    const given = { rate: 10, duration: '100s', inputTokens: 'uniform:min=10,max=20' }
    const requests = workload(given)
    expect(requests.length).toBeGreaterThan(850)
    expect(requests.length).toBeLessThan(1150)
    expect(requests.every(({ promptTokens }) => promptTokens >= 10 && promptTokens <= 20)).toBe(
      true,
    )
    expect(workload(given)).toEqual(requests)
  })

  test('a turn follows the one before, with all that was said in its prompt and its hashes', () => {
    const requests = workload({
      rate: 1,
      requests: 6,
      duration: '10m',
      turns: 3,
      think: '2s',
      inputTokens: 100,
      outputTokens: 60,
      sharedPrefix: { groups: 1, tokens: 32 },
    })
    const [first, second, third, other] = requests
    expect([first, second, third].map((turn) => turn!.promptTokens)).toEqual([132, 292, 452])
    expect(second).toMatchObject({ after: 0, atMs: 2000 })
    expect(third).toMatchObject({ after: 1, atMs: 2000 })
    expect(other!.after).toBeUndefined()
    expect(second!.blockHashes!.slice(0, first!.blockHashes!.length)).toEqual(first!.blockHashes)
    // Another conversation shares the beginning only.
    expect(other!.blockHashes!.slice(0, 2)).toEqual(first!.blockHashes!.slice(0, 2))
    expect(other!.blockHashes![2]).not.toBe(first!.blockHashes![2])
  })

  test('users come back when they have been answered and have thought', () => {
    const requests = workload({ users: 3, requests: 9, think: '1s', turns: 1 })
    expect(requests.map(({ after }) => after ?? null)).toEqual([null, null, null, 0, 1, 2, 3, 4, 5])
    const talking = workload({ users: 2, requests: 12, turns: 2, think: '1s' })
    expect(talking.map(({ after }) => after ?? null).slice(0, 8)).toEqual([
      null,
      0,
      null,
      2,
      1,
      4,
      3,
      6,
    ])
  })

  test('a trace brings its times, lengths and hashes', () => {
    const recording = {
      timesMs: Float64Array.of(0, 500),
      inputTokens: Uint32Array.of(1024, 600),
      outputTokens: Uint32Array.of(10, 20),
      prefixBlocks: [
        [7, 8],
        [7, 9],
      ],
    }
    expect(scenarioWorkload(read({}), recording)).toMatchObject([
      { atMs: 0, promptTokens: 1024, answerTokens: 10, blockHashes: [7, 8] },
      { atMs: 500, promptTokens: 600, answerTokens: 20, blockHashes: [7, 9] },
    ])
    const setup = simulationSetup(read({}), engineModels, recording)
    expect(simulate(setup).requests.cachedTokens[1]).toBe(512)
  })
})

describe('a file', () => {
  test.each<[string, unknown]>([
    ['give either a deployment or a step', { pools: [{}] }],
    ['give a rate or users, not both', { workload: { rate: 1, users: 1 } }],
    ['write it like 500ms', { faults: [{ kind: 'crash', at: 'soon', replica: 0 }] }],
  ])('is told: %s', (reason, input) => {
    const parsed = schema.safeParse({ pools, ...(input as object) })
    expect(parsed.error?.issues.map(({ message }) => message).join()).toContain(reason)
  })

  test('a pool that cannot be planned is refused with the reason', () => {
    const given = read({ pools: [{ deployment: { model: 'llama-3.1-405b', gpu: 'l40s' } }] })
    expect(() => simulationSetup(given, engineModels, null)).toThrow(/pool "main": .* needs \d+ GB/)
  })

  test('settings of a pool win over what its engine has by itself', () => {
    const [planned] = simulationSetup(
      read({
        pools: [
          {
            deployment: { model: 'llama-3.1-8b', gpu: 'h100', engine: 'sglang' },
            engine: { sequencesMax: 7 },
          },
        ],
      }),
      engineModels,
      null,
    ).pools
    expect(planned!.engine).toMatchObject({
      sequencesMax: 7,
      blockTokens: 1,
      mixing: 'prefill-first',
    })
    expect(planned!.engine.kvBlocks).toBeGreaterThan(100_000)
  })
})

test('drafts of a deployment bring several tokens a step, at their cost', () => {
  const tpot = (speculative: string) => {
    const deployment = { model: 'llama-3.1-8b', gpu: 'h100', speculative }
    const given = read({
      pools: [{ deployment }],
      workload: { rate: 2, duration: '30s', inputTokens: 500, outputTokens: 100 },
    })
    return summarise(simulate(simulationSetup(given, engineModels, null))).tpotMs.mean!
  }
  const plain = tpot('')
  expect(tpot('eagle:tokens=3,acceptance=0.7')).toBeLessThan(plain / 1.5)
  expect(tpot('eagle:tokens=3,acceptance=0')).toBeGreaterThan(plain)
})

/** Two ways to the same figure: they must not drift apart. */
test.each([
  ['vllm', 'llama-3.1-8b', 'h100', '1', 'bf16', 16],
  ['vllm', 'llama-3.1-70b', 'h100', '4', 'fp8', 64],
  ['trtllm', 'gpt-oss-120b', 'b200', '2', 'mxfp4', 32],
])(
  '%s with %s on %s: simulated and closed form agree',
  (engine, model, gpu, tp, precision, users) => {
    const cells = { engine, model, gpu, tp, precision, num_gpus: tp, isl: '1024', osl: '256' }
    const row = readRow({ ...cells, version: '1.0', concurrency_or_batch: String(users) })
    const deployment = readScenario(row, engineModels)
    if ('reason' in deployment) throw new Error(deployment.reason)
    const result = simulate({
      seed: 1,
      concurrencyMax: users,
      workload: Array.from({ length: users * 8 }, (_, at) => ({
        atMs: 0,
        promptTokens: 1024,
        answerTokens: 200 + ((at * 37) % 113),
      })),
      pools: [{ name: 'one', replicas: 1, ...plannedEngine(deployment) }],
    })
    const { tpotMs } = summarise(result)
    expect(Math.abs(tpotMs.mean! / steadyState(deployment).tpotMs - 1)).toBeLessThan(0.12)
  },
)

describe('autoscaling', () => {
  const planned = (start: 'warm' | 'cold') =>
    simulationSetup(
      read({
        pools: [
          {
            deployment: { model: 'llama-3.1-8b', gpu: 'l40s' },
            start,
            scaling: { max: 3, inFlight: 8, every: '10s' },
          },
        ],
        workload: { rate: 1, duration: '90s' },
      }),
      engineModels,
      null,
    )

  test('a start takes what the planner foresees, longer where the weights come from afar', () => {
    const [warm, cold] = (['warm', 'cold'] as const).map(
      (start) => planned(start).pools[0]!.startMs!,
    )
    expect(warm).toBeGreaterThan(10_000)
    expect(cold).toBeGreaterThan(warm!)
  })

  test('is watched for as long as the workload was to last', () =>
    expect(simulate(planned('warm')).endMs).toBeGreaterThan(80_000))
})
