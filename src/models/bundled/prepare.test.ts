import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bundledModels } from './catalogue.ts'
import { prepareBundled } from './prepare.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baleen models '))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

describe('prepareBundled', () => {
  test.each(bundledModels)('makes the known bytes of $name, once', async (model) => {
    const seen: number[] = []
    const onProgress = ({ doneBytes }: { doneBytes: number }): void => void seen.push(doneBytes)
    const path = await prepareBundled(model.name, directory, { onProgress })
    expect(await sha256(path)).toBe(model.sha256)
    expect(seen.at(-1)).toBe(model.bytes)
    expect(seen).toEqual(seen.toSorted((one, other) => one - other))

    const madeAtMs = (await stat(path)).mtimeMs
    expect(await prepareBundled(model.name, directory)).toBe(path)
    expect((await stat(path)).mtimeMs).toBe(madeAtMs)
  })

  test('makes a file again that was cut short', async () => {
    const path = await prepareBundled('minimind2-small', directory)
    await truncate(path, 1000)
    await prepareBundled('minimind2-small', directory)
    expect((await stat(path)).size).toBe(27_702_016)
  })

  test('makes a file again whose record is missing or broken', async () => {
    const path = await prepareBundled('minimind2-small', directory)
    await writeFile(path, '')
    await writeFile(join(directory, 'minimind2-small.json'), '{"name":')
    await prepareBundled('minimind2-small', directory)
    expect((await stat(path)).size).toBe(27_702_016)
  })

  test('leaves nothing behind when it is cancelled', async () => {
    const abort = new AbortController()
    const made = prepareBundled('minimind2-small', directory, {
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    })
    await expect(made).rejects.toThrow('enough')
    expect(await readdir(directory)).toEqual([])
  })

  test('two at once both succeed', async () => {
    const paths = await Promise.all([1, 2].map(() => prepareBundled('minimind2-small', directory)))
    expect(new Set(paths).size).toBe(1)
    expect((await readdir(directory)).toSorted()).toEqual([
      'minimind2-small.gguf',
      'minimind2-small.json',
    ])
  })

  test('goes on cleanly after kill -9 in the middle', async () => {
    const script = `
      const { prepareBundled } = await import(${JSON.stringify(new URL('./prepare.ts', import.meta.url).href)})
      await prepareBundled('minimind2-small', ${JSON.stringify(directory)}, {
        onProgress: () => process.kill(process.pid, 'SIGKILL'),
      })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'inherit',
    })
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect(signal).toBe('SIGKILL')
    expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toHaveLength(1)

    const path = await prepareBundled('minimind2-small', directory)
    expect((await stat(path)).size).toBe(27_702_016)
    expect((await readdir(directory)).toSorted()).toEqual([
      'minimind2-small.gguf',
      'minimind2-small.json',
    ])
  })

  test('knows only what is bundled', async () => {
    await expect(prepareBundled('gpt-5', directory)).rejects.toMatchObject({
      code: 'model/not-found',
    })
  })

  test('says so when the models directory is a file', async () => {
    const path = join(directory, 'file')
    await writeFile(path, '')
    for (const models of [path, join(path, 'models')])
      await expect(prepareBundled('minimind2-small', models)).rejects.toMatchObject({
        code: 'machine/data-unwritable',
      })
  })
})
