import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createJournal, type JournalFiles } from './journal.ts'
import { until } from '../../test/support/gateway.ts'

/** A disk in memory that can be full, or take only a part of what is written. */
function createDisk() {
  const files: string[] = []
  const disk = {
    files,
    isFull: false,
    /** Bytes that one write takes at most. */
    most: Infinity,
    writes: 0,
    text: () => files.join(''),
    io: {
      open() {
        if (disk.isFull) throw new Error('no space left')
        return files.push('') - 1
      },
      write(file, bytes) {
        disk.writes++
        if (disk.isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
        const taken = bytes.subarray(0, disk.most)
        files[file] += taken.toString()
        return taken.length
      },
      close: () => {},
    } satisfies JournalFiles,
  }
  return disk
}

const place = { directory: '/journal', index: 0, startedAtMs: 1 }
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('journal', () => {
  it('tells those that wait after their line is written, with one write a turn', async () => {
    const disk = createDisk()
    const journal = createJournal(place, () => {}, disk.io)
    const seen: string[] = []
    journal.note('open\n')
    for (const name of ['a', 'b'])
      journal.record(`${name}\n`, { onRecorded: () => seen.push(`${name}: ${disk.text()}`) })
    expect(disk.writes).toBe(0)
    await turn()
    expect(seen).toEqual(['a: open\na\nb\n', 'b: open\na\nb\n'])
    expect(disk.writes).toBe(1)
  })

  it('writes what nobody waits for soon, or at once when asked', async () => {
    const disk = createDisk()
    const journal = createJournal(place, () => {}, disk.io)
    journal.note('a\n')
    journal.flush()
    expect(disk.text()).toBe('a\n')
    journal.note('b\n')
    await until('it is written', () => disk.text() === 'a\nb\n')
  })

  it('keeps records while the disk is full, takes no new work, and recovers', async () => {
    const disk = createDisk()
    const troubles: unknown[] = []
    const journal = createJournal(place, (thrown) => troubles.push(thrown), disk.io)
    disk.isFull = true
    let answered = 0
    journal.record('a\n', { onRecorded: () => answered++ })
    await turn()
    journal.record('b\n', { onRecorded: () => answered++ })
    await turn()
    expect([journal.isWorking, answered, troubles.length]).toEqual([false, 2, 1])
    expect(journal.pendingBytes).toBe(4)
    disk.isFull = false
    journal.retry()
    expect([journal.isWorking, journal.pendingBytes, disk.text()]).toEqual([true, 0, 'a\nb\n'])
  })

  it('never tears or repeats a line, however the disk takes them', async () => {
    const step = fc.record({ isFull: fc.boolean(), most: fc.integer({ min: 1, max: 9 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const disk = createDisk()
        const journal = createJournal(place, () => {}, disk.io)
        for (const [at, { isFull, most }] of steps.entries()) {
          Object.assign(disk, { isFull, most })
          journal.record(`{"n":${at}}\n`, { onRecorded: () => {} })
          if (at % 3 === 0) journal.retry()
          await turn()
        }
        Object.assign(disk, { isFull: false, most: Infinity })
        journal.retry()
        journal.close()
        expect(disk.text()).toBe(steps.map((_, at) => `{"n":${at}}\n`).join(''))
      }),
    )
  })

  it('goes on in a new file at 8 MB', async () => {
    const disk = createDisk()
    const journal = createJournal(place, () => {}, disk.io)
    for (let at = 0; at < 9; at++) {
      journal.record(`${'x'.repeat(999_999)}\n`, { onRecorded: () => {} })
      await turn()
    }
    expect(disk.files.map((text) => text.length)).toEqual([8_000_000, 1_000_000])
  })
})
