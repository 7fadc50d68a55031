import { expect, it } from 'vitest'
import { createMemoryRest } from './memory-rest.ts'

it('collects once after each time of work, when that has left something and is over', () => {
  let nowMs = 0
  let residentBytes = 20e6
  const collected: number[] = []
  const rest = createMemoryRest(
    () => nowMs,
    () => residentBytes,
    () => {
      collected.push(nowMs)
      residentBytes = 20e6
    },
  )
  const pass = (seconds: number, isBusy: boolean) => {
    for (let second = 0; second < seconds; second++) {
      nowMs += 1000
      rest.observe(isBusy)
    }
  }
  pass(20, false)
  residentBytes = 40e6
  pass(20, true)
  expect(collected).toEqual([])
  pass(40, false)
  expect(collected).toEqual([70_000])
  residentBytes = 25e6
  pass(20, false)
  expect(collected).toHaveLength(1)
  pass(1, true)
  residentBytes = 60e6
  pass(40, false)
  expect(collected).toEqual([70_000, 131_000])
})
