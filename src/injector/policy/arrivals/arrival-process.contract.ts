import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import type { ArrivalParameters, ArrivalProcess } from './arrival-process.ts'

/** What every arrival process keeps, whatever its law. `meanShare`: its mean rate over the rate given. */
export function arrivalProcessContract(
  arrivals: ArrivalProcess,
  { meanShare = 1, tolerance = 0.05 }: { meanShare?: number; tolerance?: number } = {},
): void {
  const durationMs = 400_000
  const ratePerS = 50
  const generate = (seed: number) =>
    arrivals.generate({
      ratePerS,
      durationMs,
      random: createRandom(seed),
      parameters: defaultsOf(arrivals),
      recordedMs: Float64Array.from({ length: 20_000 }, (_, index) => 5_000 + index * 20),
    })

  describe(`arrivals ${arrivals.name}`, () => {
    it('come in order, inside the run', () => {
      const times = generate(1)
      expect(times.length).toBeGreaterThan(0)
      expect(times[0]).toBeGreaterThanOrEqual(0)
      expect(times.at(-1)).toBeLessThan(durationMs)
      expect(times.every((time, index) => index === 0 || time >= times[index - 1]!)).toBe(true)
    })
    it('are the same bytes for the same seed', () => {
      expect(Buffer.from(generate(7).buffer).equals(Buffer.from(generate(7).buffer))).toBe(true)
    })
    it('have the rate asked for', () => {
      const expected = (ratePerS * meanShare * durationMs) / 1000
      expect(Math.abs(generate(3).length / expected - 1)).toBeLessThan(tolerance)
    })
  })
}

const defaultsOf = (arrivals: ArrivalProcess): ArrivalParameters =>
  Object.fromEntries(
    Object.entries(arrivals.parameters).map(([name, parameter]) => [name, parameter.default]),
  )
