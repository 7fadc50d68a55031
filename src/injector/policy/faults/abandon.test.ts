import { expect, it } from 'vitest'
import { faultSpec } from '../../../contract/fault.ts'
import { abandonedAfter } from './abandon.ts'

it('lets the same users walk away for the same seed, others for another', () => {
  const action = { kind: 'abandon', afterEvents: 2, share: 0.5 }
  const faults = [faultSpec.parse({ name: 'leave', atMs: 0, forMs: 1000, action })]
  const leaving = (seed: number, intendedMs: number) =>
    Array.from({ length: 400 }, (_, request) => request).filter((request) =>
      Number.isFinite(abandonedAfter(faults, seed, request, intendedMs)),
    )
  expect(leaving(1, 0)).toEqual(leaving(1, 999))
  expect(leaving(1, 0)).not.toEqual(leaving(2, 0))
  expect(leaving(1, 0).length).toBeGreaterThan(150)
  expect(leaving(1, 0).length).toBeLessThan(250)
  expect(leaving(1, 1000)).toEqual([])
})
