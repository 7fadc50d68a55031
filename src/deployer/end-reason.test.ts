import { expect, it } from 'vitest'
import { endReason } from './end-reason.ts'

const ended = { exitCode: null, signal: null, logTail: '' }

it.each([
  [{}, 'ended'],
  [{ exitCode: 7 }, 'ended with code 7'],
  [{ signal: 'SIGKILL', logTail: 'CUDA error\n\n' }, 'was ended by SIGKILL: CUDA error'],
  [{ exitCode: 1, logTail: '{"level":30,"role":"engine","msg":"ready"}\n' }, 'ended with code 1'],
  [
    { exitCode: 1, logTail: '{"level":50,"msg":"a step failed"}' },
    'ended with code 1: a step failed',
  ],
  [
    { exitCode: 1, logTail: '{"error": "of another engine"}' },
    'ended with code 1: {"error": "of another engine"}',
  ],
  [{ exitCode: 1, logTail: 'x'.repeat(1000) }, `ended with code 1: ${'x'.repeat(300)}`],
])('%j: %s', (end, reason) => {
  expect(endReason({ ...ended, ...end })).toBe(reason)
})
