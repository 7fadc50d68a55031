/**
 * Real runs, ABBA: the embedded engine against itself, and the mock against one that is 5 % slower to its first token or
 * from token to token. `node bench/injector/abba.bench.ts [--rounds 3] [--pairs 8] [--seconds 5]`.
 */
import { parseArgs } from 'node:util'
import { compareTargets } from '../../src/injector/compare-targets.ts'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import { serve } from '../../test/e2e/serving.ts'
import { startMock } from './mock-process.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '5' },
  },
})
const model = 'minimind2-small'

const serving = await serve()
try {
  // The first request waits until the model is there.
  await serving.openai().chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: 4,
  })
  for (let round = 0; round < Number(values.rounds); round++) {
    const engine = {
      url: `${serving.url}/v1`,
      key: serving.key,
      model,
      ratePerS: 4,
      seed: round + 1,
    }
    await compareAndPrint('embedded engine, A/A', engine, engine)
  }
} finally {
  await serving.close()
}

const pace = (firstMs: number, gapMs: number) =>
  startMock('paced', { EVENTS: '16', FIRST_MS: String(firstMs), GAP_MS: String(gapMs) })
const mocks = await Promise.all([pace(100, 20), pace(100, 20), pace(105, 20), pace(100, 21)])
const [a, twin, slowStart, slowPace] = mocks.map(({ url }) => ({
  url,
  key: undefined,
  model: 'mock',
  ratePerS: 20,
  seed: 1,
}))
try {
  await compareAndPrint('mock, A/A', a!, twin!)
  await compareAndPrint('mock, 5 % more TTFT', a!, slowStart!)
  await compareAndPrint('mock, 5 % more TPOT', a!, slowPace!)
} finally {
  for (const mock of mocks) mock.stop()
}

interface Side {
  readonly url: string
  readonly key: string | undefined
  readonly model: string
  readonly ratePerS: number
  readonly seed: number
}

async function compareAndPrint(name: string, sideA: Side, sideB: Side): Promise<void> {
  const interrupt = new AbortController().signal
  const armOf = ({ url, key, model: served, ratePerS, seed }: Side) => ({
    spec: completeSpec({
      url,
      models: [{ name: served, weight: 1 }],
      load: { kind: 'open', arrivals: 'poisson', ratePerS },
      durationMs: Number(values.seconds) * 1000,
      seed,
      slo: { ttftMs: 500 },
      request: { ignoresEos: true },
      workload: {
        inputTokens: { kind: 'uniform', min: 16, max: 128 },
        outputTokens: { kind: 'fixed', value: 16 },
      },
    }),
    options: { id: 'abba', apiKey: key, interrupt },
  })
  const { metrics, objections } = await compareTargets(armOf(sideA), armOf(sideB), {
    id: 'abba',
    pairs: Number(values.pairs),
    interrupt,
  })
  console.log(name)
  for (const { name: metric, verdict, ratio, interval } of metrics)
    console.log(
      `  ${metric.padEnd(9)} ${verdict.padEnd(14)} ${ratio.toFixed(4)} [${interval[0].toFixed(4)}, ${interval[1].toFixed(4)}]`,
    )
  for (const objection of objections) console.log(`  ✗ ${objection}`)
}
