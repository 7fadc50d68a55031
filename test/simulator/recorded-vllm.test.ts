import { describe, expect, test } from 'vitest'
import {
  hasRecordings,
  recordedRuns,
  readRecording,
  replay,
} from '../../bench/simulator/recorded-runs.ts'
import { summarise } from '../../src/simulator/results/summarise.ts'

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/**
 * Step times here are the sum of layers that were measured one by one, so what is left to be wrong is the scheduler.
 */
describe.skipIf(!hasRecordings())('vLLM 0.19 as it was recorded (needs ../shared/data)', () => {
  test.each(recordedRuns)('$name: TPOT and E2E within 3 %', (run) => {
    const recording = readRecording(run.name)
    const { tpotMs, e2eMs, requests } = summarise(replay(run, recording))
    expect(requests.finished).toBe(recording.length)
    expect(Math.abs(tpotMs.mean! / mean(recording.map((one) => one.tpotMs)) - 1)).toBeLessThan(0.03)
    expect(Math.abs(e2eMs.mean! / mean(recording.map((one) => one.e2eMs)) - 1)).toBeLessThan(0.03)
  })

  test('half the memory would have been noticed', () => {
    const [run] = recordedRuns
    const recording = readRecording(run!.name)
    const halved = { ...run!, engine: { ...run!.engine, kvBlocks: 1300 } }
    const { e2eMs } = summarise(replay(halved, recording))
    expect(e2eMs.mean! / mean(recording.map((one) => one.e2eMs))).toBeGreaterThan(1.3)
  })
})
