import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeHub, startFakeHub } from '../../../test/fake-hub/fake-hub.ts'
import { type Fault, sha256 } from '../../../test/fake-hub/file-server.ts'
import { tinyGguf } from '../../../test/fake-hub/tiny-gguf.ts'
import type { ModelProgress } from '../progress.ts'
import { partialPath } from './partial-file.ts'
import { type PullOptions, pullModel } from './pull.ts'

const content = tinyGguf(1)
const changed = tinyGguf(2)

let hub: FakeHub
let directory: string
let url: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen pull '))
  hub = await startFakeHub()
  hub.putPlain('/models/tiny.gguf', content)
  url = `${hub.storeUrl}/models/tiny.gguf`
})
afterEach(async () => {
  await hub.stop()
  await rm(directory, { recursive: true })
})

const pull = (options: PullOptions = {}) =>
  pullModel(url, directory, { retryDelayMs: 1, silenceMs: 60_000, ...options })
/** The connection is cut when exactly so much has been written. */
const cutAt = (...cuts: readonly number[]): PullOptions => {
  for (const [index, bytes] of cuts.entries())
    hub.faults.push({ type: 'stall', afterBytes: bytes - (cuts[index - 1] ?? 0) })
  return { onProgress: ({ doneBytes }) => void (cuts.includes(doneBytes) && hub.cut()) }
}
const ranges = () => hub.seenByStore.map(({ headers }) => headers.range)
const partials = async () =>
  (await readdir(join(directory, '.partial'))).filter((name) => !name.endsWith('.lock'))
const expectWhole = async (bytes = content) => {
  expect(sha256(await readFile(join(directory, 'tiny.gguf')))).toBe(sha256(bytes))
  expect(await partials()).toEqual([])
}

describe('a plain URL', () => {
  test('comes whole, is named after its file and recorded', async () => {
    const seen: ModelProgress[] = []
    const entry = await pull({ onProgress: (progress) => void seen.push(progress) })
    expect(entry).toEqual({
      name: 'tiny',
      path: join(directory, 'tiny.gguf'),
      bytes: content.length,
      task: 'generate',
      architecture: 'llama',
      source: url,
      sha256: sha256(content),
      problem: null,
    })
    await expectWhole()
    expect(seen.at(-1)).toMatchObject({
      step: 'download',
      text: 'tiny.gguf',
      doneBytes: content.length,
      totalBytes: content.length,
    })
  })

  test('goes on where a cut connection stopped', async () => {
    await pull(cutAt(100_000, 150_000))
    await expectWhole()
    expect(ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=150000-'])
  })

  test('goes on in a later call', async () => {
    const options = cutAt(100_000)
    hub.faults.push(...Array.from({ length: 6 }, () => ({ type: 'status', status: 503 }) as const))
    await expect(pull(options)).rejects.toMatchObject({ code: 'model/download-failed' })
    expect(await partials()).toHaveLength(2)
    await pull()
    await expectWhole()
    expect(ranges().at(-1)).toBe('bytes=100000-')
  })

  test('begins anew where neither server nor checksum can tell that it is the same file', async () => {
    hub.faults.push({ type: 'stall', afterBytes: 100_000, isUnversioned: true })
    await pull({ onProgress: ({ doneBytes }) => void (doneBytes === 100_000 && hub.cut()) })
    await expectWhole()
    expect(ranges()).toEqual([undefined, undefined])
  })

  test('begins anew when the file has changed between two attempts', async () => {
    const { onProgress } = cutAt(100_000)
    await pull({
      onProgress(progress) {
        hub.putPlain('/models/tiny.gguf', changed)
        onProgress?.(progress)
      },
    })
    await expectWhole(changed)
    expect(ranges()).toEqual([undefined, 'bytes=100000-'])
  })

  test.each<{ fault: Fault; next: (string | undefined)[] }>([
    { fault: { type: 'no-ranges' }, next: [] },
    { fault: { type: 'wrong-range' }, next: [undefined] },
    { fault: { type: 'status', status: 416 }, next: [undefined] },
  ])('begins anew where the answer to a range is $fault', async ({ fault, next }) => {
    const options = cutAt(100_000)
    hub.faults.push(fault)
    await pull(options)
    await expectWhole()
    expect(ranges()).toEqual([undefined, 'bytes=100000-', ...next])
  })

  test.each([500, 502, 503, 504, 429, 408])('tries again after status %i', async (status) => {
    hub.faults.push({ type: 'status', status }, { type: 'status', status })
    await pull()
    await expectWhole()
    expect(hub.seenByStore).toHaveLength(3)
  })

  test('gives a silent server up, and goes on', async () => {
    hub.faults.push({ type: 'stall', afterBytes: 100_000 })
    await pull({ silenceMs: 200 })
    await expectWhole()
    expect(hub.seenByStore.length).toBeGreaterThan(1)
  })

  test('is patient with a slow one', async () => {
    hub.faults.push({ type: 'slow', pieceBytes: 60_000, pauseMs: 20 })
    await pull()
    await expectWhole()
    expect(hub.seenByStore).toHaveLength(1)
  })

  test('says what is missing where there is nothing', async () => {
    url = `${hub.storeUrl}/models/other.gguf`
    await expect(pull()).rejects.toMatchObject({ code: 'model/not-found' })
    expect(hub.seenByStore).toHaveLength(1)
  })

  test('says so where nobody listens', async () => {
    url = 'http://127.0.0.1:9/tiny.gguf'
    await expect(pull()).rejects.toMatchObject({ code: 'model/download-failed' })
  })

  test('refuses a file with another checksum than the one given, and keeps nothing', async () => {
    const pulled = pull({ sha256: sha256(changed) })
    await expect(pulled).rejects.toMatchObject({ code: 'model/checksum' })
    expect(await partials()).toEqual([])
    expect(existsSync(join(directory, 'tiny.gguf'))).toBe(false)
    await pull({ sha256: sha256(content) })
    await expectWhole()
  })

  test('refuses what is no GGUF file, and keeps nothing', async () => {
    hub.putPlain('/models/tiny.gguf', Buffer.from('<!doctype html><title>Sign in</title>'))
    await expect(pull()).rejects.toMatchObject({ code: 'model/bad-file' })
    expect(await partials()).toEqual([])
    expect(await readdir(directory)).toEqual(['.partial'])
  })

  test('refuses a file that is shorter than its header says', async () => {
    hub.putPlain('/models/tiny.gguf', content.subarray(0, -1000))
    await expect(pull()).rejects.toThrow('1000 bytes are missing')
  })

  test('is not fetched again', async () => {
    const first = await pull()
    expect(await pull()).toEqual(first)
    expect(hub.seenByStore).toHaveLength(1)
  })

  test('mends what a kill left between the record and the file', async () => {
    await pull()
    await rm(join(directory, 'tiny.gguf'))
    expect((await pull()).name).toBe('tiny')
    await expectWhole()
  })

  test('is refused before it begins where the disk has no room', async () => {
    const pulled = pull({ freeBytes: () => Promise.resolve(content.length) })
    await expect(pulled).rejects.toMatchObject({ code: 'machine/disk-full' })
    expect(await partials()).toEqual([])
  })

  test.runIf(existsSync('/dev/full'))('gives its space back when the disk fills up', async () => {
    const partialDirectory = join(directory, '.partial')
    await mkdir(partialDirectory)
    await symlink('/dev/full', partialPath(partialDirectory, url))
    await expect(pull()).rejects.toMatchObject({ code: 'machine/disk-full' })
    expect(await partials()).toEqual([])
  })

  test('stops when told to, and can go on', async () => {
    hub.faults.push({ type: 'stall', afterBytes: 100_000 })
    const abort = new AbortController()
    const onProgress = ({ doneBytes }: ModelProgress): void => {
      if (doneBytes > 0) abort.abort(new Error('enough'))
    }
    await expect(pull({ signal: abort.signal, onProgress })).rejects.toThrow('enough')
    await pull()
    await expectWhole()
    expect(ranges().at(-1)).toMatch(/^bytes=[1-9]\d*-$/)
  })

  test('is fetched by one process at a time', async () => {
    hub.faults.push({ type: 'slow', pieceBytes: 100_000, pauseMs: 100 })
    let second: Promise<unknown> | undefined
    await pull({ onProgress: () => void (second ??= pull().catch((thrown: unknown) => thrown)) })
    expect(await second).toMatchObject({ code: 'model/busy' })
    await expectWhole()
  })

  test('goes on after kill -9', async () => {
    hub.faults.push({ type: 'stall', afterBytes: 200_000 })
    const script = `
      import { pullModel } from ${JSON.stringify(new URL('./pull.ts', import.meta.url).href)}
      await pullModel(${JSON.stringify(url)}, ${JSON.stringify(directory)}, {
        onProgress: ({ doneBytes }) => doneBytes > 100_000 && process.kill(process.pid, 'SIGKILL'),
      })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script])
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    await pull()
    await expectWhole()
    expect(Number(/\d+/.exec(ranges().at(-1) ?? '')?.[0])).toBeGreaterThan(100_000)
  })

  test('keeps signatures out of the record', async () => {
    url = `${url}?signature=secret`
    const { source } = await pull()
    expect(source).toMatch(/tiny\.gguf\?[0-9a-f]{12}$/)
    const texts = await Promise.all(
      (await readdir(directory))
        .filter((name) => name.endsWith('.json'))
        .map((name) => readFile(join(directory, name), 'utf8')),
    )
    expect(texts.join()).not.toContain('secret')
  })

  test('forgets attempts that nobody went on with', async () => {
    const partialDirectory = join(directory, '.partial')
    await mkdir(partialDirectory)
    // A lock may be held however old its file is.
    for (const name of ['old.gguf', 'old.lock']) {
      await writeFile(join(partialDirectory, name), '')
      await utimes(join(partialDirectory, name), 0, 0)
    }
    await pull()
    expect((await readdir(partialDirectory)).toSorted()).toEqual(['names.lock', 'old.lock'])
  })
})

test.each([
  ['tiny', /nothing to fetch/],
  ['./tiny.gguf', /nothing to fetch/],
  ['ftp://host/x', /model name/],
])('there is nothing to pull for %s', async (reference, problem) => {
  const pulled = pullModel(reference, directory)
  await expect(pulled).rejects.toMatchObject({ code: 'model/bad-reference' })
  await expect(pulled).rejects.toThrow(problem)
})

test.each([
  [{ sha256: 'abc' }, /SHA-256/],
  [{ name: '../x' }, /name/],
])('refuses the option %j', async (options, problem) => {
  await expect(pull(options)).rejects.toThrow(problem)
})
