import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sha256 } from './file-server.ts'
import { tinyGguf } from './tiny-gguf.ts'
import type { ModelProgress } from '../../src/models/progress.ts'
import { type PullOptions, pullModel } from '../../src/models/pull/pull.ts'

export interface StoreBench {
  /** Puts a model there under that name, or another one in its place. Resolves to the reference of it. */
  put(name: string, content: Buffer): Promise<string>
  readonly options: PullOptions
  /** Of somebody who may not read it. */
  readonly stranger: PullOptions
  close(): Promise<void>
}

/** What every place promises that models are pulled from by name, real or imitated. */
export function storeContract(name: string, open: () => Promise<StoreBench>): void {
  describe(name, () => {
    const content = tinyGguf(1)
    let bench: StoreBench
    let directory: string
    beforeEach(async () => {
      bench = await open()
      directory = await mkdtemp(join(tmpdir(), 'baleen-store-'))
    })
    afterEach(async () => {
      await bench.close()
      await rm(directory, { recursive: true })
    })
    const pull = (reference: string, options: PullOptions = {}) =>
      pullModel(reference, directory, { retryDelayMs: 1, ...bench.options, ...options })

    it('gives a model by its reference, whole and checked, once', async () => {
      const reference = await bench.put('tiny', content)
      const entry = await pull(reference)
      expect(entry).toMatchObject({ source: reference, sha256: sha256(content), problem: null })
      expect(await readFile(entry.path)).toEqual(content)
      const steps: ModelProgress[] = []
      expect(await pull(reference, { onProgress: (step) => void steps.push(step) })).toEqual(entry)
      expect(steps.filter(({ step }) => step === 'download')).toEqual([])
      const left = await readdir(join(directory, '.partial'))
      expect(left.filter((file) => !file.endsWith('.lock'))).toEqual([])
    })

    it('goes on where an interrupted pull stopped', async () => {
      const reference = await bench.put('tiny', content)
      const ending = new AbortController()
      let cutAtBytes = 0
      const cut = pull(reference, {
        signal: ending.signal,
        onProgress({ step, doneBytes }) {
          if (step !== 'download' || doneBytes === 0) return
          cutAtBytes = doneBytes
          ending.abort()
        },
      })
      await expect(cut).rejects.toThrow()
      const seen: number[] = []
      const entry = await pull(reference, {
        onProgress: ({ step, doneBytes }) => void (step === 'download' && seen.push(doneBytes)),
      })
      expect(cutAtBytes).toBeGreaterThan(0)
      expect(cutAtBytes).toBeLessThan(content.length)
      expect(seen[0]).toBe(cutAtBytes)
      expect(await readFile(entry.path)).toEqual(content)
    })

    it('gives what is there now where the same name means something else', async () => {
      const other = tinyGguf(2)
      expect((await pull(await bench.put('tiny', content))).sha256).toBe(sha256(content))
      const entry = await pull(await bench.put('tiny', other))
      expect(entry.sha256).toBe(sha256(other))
      expect((await readdir(directory)).filter((file) => file.endsWith('.gguf'))).toHaveLength(1)
    })

    it('begins anew where it changed between two attempts', async () => {
      const reference = await bench.put('tiny', content)
      const ending = new AbortController()
      const cut = pull(reference, {
        signal: ending.signal,
        onProgress: ({ doneBytes }) => void (doneBytes > 0 && ending.abort()),
      })
      await expect(cut).rejects.toThrow()
      const other = tinyGguf(3)
      const entry = await pull(await bench.put('tiny', other))
      expect(await readFile(entry.path)).toEqual(other)
    })

    it('says that there is no such model, or that one may not have it', async () => {
      const reference = await bench.put('tiny', content)
      const missing = pull(reference.replace('tiny', 'none'))
      await expect(missing).rejects.toMatchObject({ code: 'model/not-found' })
      const refused = pull(reference, bench.stranger)
      await expect(refused).rejects.toMatchObject({ code: 'model/forbidden' })
    })
  })
}
