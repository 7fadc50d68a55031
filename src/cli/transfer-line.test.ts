import { expect, it } from 'vitest'
import { createTransferLine } from './transfer-line.ts'

it('shows how far, how fast and how long, counting only what was fetched now', () => {
  let nowMs = 0
  const line = createTransferLine(() => nowMs)
  const download = { step: 'download', text: 'tiny.gguf', totalBytes: 100 * 2 ** 20 } as const
  expect(line({ step: 'choose', text: 'Q4_K_M fits', doneBytes: 0, totalBytes: null })).toBe(
    'Q4_K_M fits',
  )
  expect(line({ ...download, doneBytes: 50 * 2 ** 20 })).toBe(
    'fetching tiny.gguf ██████████░░░░░░░░░░ 50 % of 100.0 MiB',
  )
  nowMs = 2000
  expect(line({ ...download, doneBytes: 60 * 2 ** 20 })).toBe(
    'fetching tiny.gguf ████████████░░░░░░░░ 60 % of 100.0 MiB  5.0 MiB/s  8s left',
  )
  expect(line({ ...download, totalBytes: null, doneBytes: 2048 })).toBe(
    'fetching tiny.gguf 2.0 KiB',
  )
  expect(line({ step: 'check', text: 'x', doneBytes: 0, totalBytes: 0 })).toContain('100 %')
})
