import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { watchSignals } from './signals.ts'

it('tells a second wish from a first one that came twice', () => {
  const source = new EventEmitter()
  let nowMs = 1000
  const { first, second } = watchSignals(source as unknown as NodeJS.Process, () => nowMs)
  expect(first.aborted).toBe(false)
  source.emit('SIGINT')
  expect(first.aborted).toBe(true)
  nowMs += 500
  source.emit('SIGINT')
  expect(second.aborted).toBe(false)
  nowMs += 1
  source.emit('SIGTERM')
  expect(second.aborted).toBe(true)
})
