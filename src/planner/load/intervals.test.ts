import { expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { readScenario } from '../predict/read-scenario.ts'
import { readRow } from '../predict/row.ts'
import { intervalsOf } from './intervals.ts'
import type { Scenario } from './scenario.ts'
import { steadyState } from './steady-state.ts'

const bars = { tpot: 0.1, ttft: 0.3, e2e: 0.1, throughput: 0.2 }
const scenario = (load: string): Scenario => {
  const row = readRow({
    engine: 'vllm',
    version: '0.15',
    model: 'llama-3.1-8b',
    gpu: 'h100',
    num_gpus: '1',
    tp: '1',
    pp: '1',
    precision: 'bf16',
    isl: '500',
    osl: '200',
    concurrency_or_batch: load,
  })
  return readScenario(row, engineModels) as Scenario
}
/** How far up and down the interval of a figure reaches, as logarithms. */
const reach = (load: string, figure: keyof typeof bars) => {
  const asked = scenario(load)
  const state = steadyState(asked)
  const [low, high] = intervalsOf(asked, state, bars)[figure]
  const value = {
    tpot: state.tpotMs,
    ttft: state.ttftMs,
    e2e: state.e2eMs,
    throughput: state.outputTokensPerSecond,
  }
  return { down: Math.log(value[figure] / low), up: Math.log(high / value[figure]) }
}

test('users who wait for their answers: the bar itself, both ways', () => {
  expect(reach('64', 'tpot').up).toBeCloseTo(0.1, 6)
  expect(reach('64', 'ttft').down).toBeCloseTo(0.3, 6)
})

test('requests that come whatever the answers take: the nearer to saturation the wider', () => {
  const [calm, busy] = [reach('qps=1', 'tpot'), reach('qps=30', 'tpot')]
  expect(calm.up).toBeLessThan(0.12)
  expect(busy.up).toBeGreaterThan(1.5 * calm.up)
  expect(busy.up).toBeGreaterThan(busy.down)
})

test('throughput is what is offered, unless a slower engine could not carry it', () => {
  expect(reach('qps=1', 'throughput').down).toBeCloseTo(0.02, 6)
  const beyond = reach('qps=10000', 'throughput')
  expect(beyond.down).toBeGreaterThan(0.09)
  expect(beyond.up).toBeGreaterThan(0.09)
})
