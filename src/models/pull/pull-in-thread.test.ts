import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FakeHub, startFakeHub } from '../../../test/fake-hub/fake-hub.ts'
import { sha256 } from '../../../test/fake-hub/file-server.ts'
import { tinyGguf } from '../../../test/fake-hub/tiny-gguf.ts'
import type { ModelProgress } from '../progress.ts'
import { pullInThread } from './pull-in-thread.ts'

const content = tinyGguf(1)

let hub: FakeHub
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen-thread-'))
  hub = await startFakeHub()
  hub.put('org/tiny', 'tiny.gguf', content)
})
afterEach(async () => {
  await hub.stop()
  await rm(directory, { recursive: true })
})

const pull = (seen: ModelProgress[] = [], signal = new AbortController().signal) =>
  pullInThread(
    'hf:org/tiny',
    directory,
    { endpoint: hub.endpoint },
    { progress: (one) => void seen.push(one), pruned: () => {}, signal },
  )

test('brings the model and tells how far it is', async () => {
  hub.faults.push({ type: 'slow', pieceBytes: 100_000, pauseMs: 300 })
  const seen: ModelProgress[] = []
  const { path } = await pull(seen)
  expect(await readFile(path)).toEqual(content)
  expect(seen.find(({ doneBytes }) => doneBytes > 0)).toMatchObject({
    step: 'download',
    totalBytes: content.length,
  })
})

test('ends with the same errors as a pull here', async () => {
  hub.close('org/tiny', 'gated')
  await expect(pull()).rejects.toMatchObject({
    code: 'model/forbidden',
    hint: expect.stringContaining(`accept the terms at ${hub.endpoint}/org/tiny`),
  })
})

test('stops when it is told to, and goes on where it stopped', async () => {
  hub.faults.push({ type: 'stall', afterBytes: 100_000 })
  const stop = new AbortController()
  const seen: ModelProgress[] = []
  const stopped = pull(seen, stop.signal)
  stopped.catch(() => {})
  await expect.poll(() => hub.seenByStore.length, { timeout: 60_000 }).toBe(1)
  await expect
    .poll(() => seen.some(({ doneBytes }) => doneBytes > 0), { timeout: 60_000 })
    .toBe(true)
  stop.abort(new Error('nobody wants it'))
  await expect(stopped).rejects.toThrow('nobody wants it')
  const { path } = await pull()
  expect(sha256(await readFile(path))).toBe(sha256(content))
  expect(hub.seenByStore.at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
})
