import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { findEngine } from '../index.ts'
import { embeddedEngine } from './embedded.ts'
import { embeddedFlags } from './flags.ts'

const spec = {
  id: 'rep_1',
  deployment: deploymentSpec.parse({ name: 'tiny', model: 'bundled:minimind2-small' }),
  modelPath: '/data/models/minimind2-small.gguf',
  host: '127.0.0.1',
  port: 40_001,
}

describe('embedded engine adapter', () => {
  it('is in the registry', () => {
    expect(findEngine('embedded')).toBe(embeddedEngine)
    expect(() => findEngine('nope')).toThrow(/there is: embedded/)
  })

  it('launches its program with every setting as a flag', () => {
    const plan = embeddedEngine.launch(spec)
    const [node, program, ...flags] = plan.argv
    expect(node).toBe('node')
    expect(program).toMatch(/\/src\/engines\/embedded\/process\.ts$/)
    expect(flags.join(' ')).toMatchInlineSnapshot(
      `"--context-tokens auto --sequences-max 8 --batch-tokens 512 --queue-max 256 --threads auto --gpu auto --model /data/models/minimind2-small.gguf --name tiny --task generate --host 127.0.0.1 --port 40001 --drain-ms 30000"`,
    )
    expect(plan).toMatchObject({
      drain: { graceMs: 32_000 },
      env: { UV_THREADPOOL_SIZE: '1' },
      image: null,
      probes: { startup: { path: '/health', loadTimeoutMs: 600_000 } },
      ports: [{ name: 'http', port: 40_001 }],
      devices: { count: 'any' },
      warnings: [],
    })
    expect(embeddedEngine.launch(spec)).toEqual(plan)
  })

  it.each([
    [200, '{"state":"ready","reason":"ready"}', 'ready', 'ready'],
    [503, '{"state":"loading","reason":"loading the model, 40 %"}', 'loading', /40 %/],
    [503, '{"state":"stalled","reason":"has not moved for 61 s"}', 'failed', /61 s/],
    [500, '{"state":"failed","reason":"cut short"}', 'failed', /cut short/],
    [502, '<html>', 'failed', /502/],
    [500, 'null', 'failed', /500/],
  ])('reads health %i %s', (status, body, state, reason) => {
    const health = embeddedEngine.readHealth(status, body)
    expect(health.state).toBe(state)
    expect(health.reason).toMatch(reason)
  })

  it("reads vLLM's metrics, whatever else is on the page", () => {
    const page = `# HELP vllm:num_requests_running Running.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="a \\"}b",engine="0"} 3.0
vllm:num_requests_waiting{engine="0"} 2
vllm:num_requests_waiting{engine="1"} 5
vllm:kv_cache_usage_perc 0.25 1700000000000
vllm:prompt_tokens_total{engine="0"} 1.5e+03
vllm:time_to_first_token_seconds_bucket{le="+Inf"} 7
nonsense
`
    expect(embeddedEngine.parseMetrics(page)).toMatchObject({
      running: 3,
      waiting: 7,
      kvUsage: 0.25,
      promptTokensTotal: 1500,
      generationTokensTotal: null,
      prefixHitTokensTotal: null,
      prefixQueryTokensTotal: null,
    })
  })

  it('reads any text as metrics without failing', () => {
    fc.assert(fc.property(fc.string(), (text) => void embeddedEngine.parseMetrics(text)))
  })
})

describe('flags', () => {
  const valid = {
    contextTokens: 'auto' as const,
    sequencesMax: 8,
    batchTokens: 512,
    queueMax: 256,
    threads: 'auto' as const,
    gpu: 'auto' as const,
    model: '/m.gguf',
    name: '7',
    task: 'generate' as const,
    host: '127.0.0.1',
    port: 0,
    drainMs: 5,
  }

  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        fc.record({
          name: fc.stringMatching(/^[\w.][\w.:-]{0,20}$/),
          sequencesMax: fc.integer({ min: 1, max: 256 }),
          threads: fc.oneof(fc.constant('auto' as const), fc.integer({ min: 1, max: 64 })),
        }),
        (changes) => {
          const flags = { ...valid, ...changes }
          expect(embeddedFlags.read(embeddedFlags.write(flags))).toEqual(flags)
        },
      ),
    )
  })

  it.each([
    [['--port', '80'], /model/],
    [['--nope', '1'], /nope/],
    [[...embeddedFlags.write(valid), '--port', 'x'], /port/],
  ])('refuse %j', (argv, message) => {
    expect(() => embeddedFlags.read(argv)).toThrow(message)
  })
})
