import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sha256 } from '../../test/fake-hub/file-server.ts'
import { tinyGguf } from '../../test/fake-hub/tiny-gguf.ts'
import { listModels, meantEntries } from './library.ts'
import { cachedModels, noteUse, planPrune, prune } from './prune.ts'
import { recordPath, writeRecord } from './record.ts'

const model = (name: string, bytes: number, lastUsedMs: number) => ({ name, bytes, lastUsedMs })
const namesOf = (plan: { remove: readonly { name: string }[] }) =>
  plan.remove.map((one) => one.name)

describe('what goes', () => {
  const models = [model('new', 40, 30), model('old', 40, 10), model('middle', 40, 20)]

  it('is nothing as long as all fit', () => {
    expect(planPrune(models, new Set(), 120)).toEqual({ remove: [], leftBytes: 120 })
  })

  it('is what nobody has used for the longest time', () => {
    expect(namesOf(planPrune(models, new Set(), 119))).toEqual(['old'])
    expect(namesOf(planPrune(models, new Set(), 79))).toEqual(['old', 'middle'])
  })

  it('is never what is in use, even where that alone is too much', () => {
    const plan = planPrune(models, new Set(['old', 'new']), 10)
    expect(namesOf(plan)).toEqual(['middle'])
    expect(plan.leftBytes).toBe(80)
  })

  it('is no more than it has to be', () => {
    const any = fc.record({ bytes: fc.nat(1000), lastUsedMs: fc.nat(50), isUsed: fc.boolean() })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), fc.nat(5000), (all, bytesMax) => {
        const given = all.map((one, at) => ({ ...one, name: `m${at}` }))
        const inUse = new Set(given.filter(({ isUsed }) => isUsed).map(({ name }) => name))
        const { remove, leftBytes } = planPrune(given, inUse, bytesMax)
        const free = given.filter(({ name }) => !inUse.has(name))
        expect(remove.some(({ name }) => inUse.has(name))).toBe(false)
        expect(leftBytes <= bytesMax || remove.length === free.length).toBe(true)
        const last = remove.at(-1)
        if (last) expect(leftBytes + last.bytes).toBeGreaterThan(bytesMax)
      }),
    )
  })
})

describe('a directory of models', () => {
  it('loses the models that were asked for least lately, and nothing else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'baleen-prune-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const content = tinyGguf(1)
    for (const [index, name] of ['ant', 'bee', 'cat'].entries()) {
      await writeFile(join(directory, `${name}.gguf`), content)
      await writeRecord(directory, {
        name,
        source: `hf:org/${name}/${name}.gguf`,
        revision: null,
        task: 'generate',
        architecture: 'llama',
        files: [{ file: `${name}.gguf`, bytes: content.length, sha256: sha256(content) }],
      })
      const time = new Date(1000 * (index + 1))
      await utimes(recordPath(directory, name), time, time)
    }
    await writeFile(join(directory, 'by-hand.gguf'), content)
    await noteUse(directory, 'ant', 9000)

    const entries = await listModels(directory)
    const used = meantEntries(
      ['hf:org/bee', join(directory, 'by-hand.gguf'), 'gone', 'llama3:8b'],
      entries,
    )
    expect(used.map(({ name }) => name)).toEqual(['bee', 'by-hand'])
    const models = await cachedModels(directory)
    const plan = planPrune(models, new Set(used.map(({ name }) => name)), content.length * 2)
    expect(namesOf(plan)).toEqual(['cat'])
    await prune(plan, directory)
    expect((await readdir(directory)).toSorted()).toEqual(
      ['ant.gguf', 'ant.json', 'bee.gguf', 'bee.json', 'by-hand.gguf'].toSorted(),
    )
  })
})
