import { describe, expect, it } from 'vitest'
import { findEngine } from '../engines/index.ts'
import type { EngineSignals } from '../engines/engine.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { firstSeen, type Replica } from './policy/replica.ts'
import { createReadings, loadOf } from './readings.ts'

const vllm = findEngine('vllm')
const page = (running: number): string =>
  `vllm:num_requests_running{engine="0"} ${running}\nvllm:num_requests_waiting{engine="0"} 2\nvllm:kv_cache_usage_perc{engine="0"} 0.25\n`

function bench(engine: typeof vllm | null = vllm, runtime: Pick<Runtime, 'metricsOf'> = {}) {
  const time = { nowMs: 0 }
  const asked: string[] = []
  const replicas: Replica[] = []
  const answers = new Map<string, EngineSignals | null>()
  const readings = createReadings({
    all: () => replicas,
    engineOf: () => engine,
    clock: { nowMs: () => time.nowMs, monotonicMs: () => time.nowMs },
    readMetrics: async (_, { urls, replicas }) => {
      asked.push(...urls, ...(replicas ?? []))
      return answers.get(urls[0]!) ?? null
    },
    runtime,
  })
  const add = (id: string, health: Replica['health'] = 'ready'): void => {
    const running = { id, deployment: 'ant', revision: 1, specHash: 'a', pid: 1, startedAtMs: 0 }
    replicas.push({ ...firstSeen({ ...running, url: id }, '', 0), health })
    answers.set(id, vllm.parseMetrics(page(3)))
  }
  return { time, asked, replicas, answers, readings, add }
}

describe('readings', () => {
  it('are of ready replicas, every five seconds', async () => {
    const { readings, asked, add, time } = bench()
    add('ant-1')
    add('ant-2', 'loading')
    await readings.read()
    await readings.read()
    expect(asked).toEqual(['ant-1'])
    expect(loadOf(readings.of('ant-1'))).toEqual({ running: 3, waiting: 2, kvUsage: 0.25 })
    expect(readings.of('ant-2')).toBeNull()
    time.nowMs = 5000
    await readings.read()
    expect(asked).toHaveLength(2)
  })

  it('grow old, and go with their replica', async () => {
    const { readings, answers, replicas, add, time } = bench()
    add('ant-1')
    await readings.read()
    answers.set('ant-1', null)
    time.nowMs = 14_999
    await readings.read()
    expect(readings.of('ant-1')).not.toBeNull()
    time.nowMs = 15_000
    expect(readings.of('ant-1')).toBeNull()
    replicas.splice(0)
    await readings.read()
    expect(readings.of('ant-1')).toBeNull()
  })

  it('are asked for where the runtime says that the page is', async () => {
    const replicas = new Set(['r1'])
    const { readings, asked, add } = bench(findEngine('ray'), {
      metricsOf: async (id) => ({ urls: [`http://node-of-${id}:8080`], replicas }),
    })
    add('ant-1')
    await readings.read()
    expect(asked).toEqual(['http://node-of-ant-1:8080', 'r1'])
  })

  it('are not asked for where nobody knows of a page', async () => {
    for (const engine of [findEngine('ray'), { ...vllm, metricsPath: null }, null]) {
      const { readings, asked, add } = bench(engine)
      add('ant-1')
      await readings.read()
      expect(asked).toEqual([])
    }
  })
})
