import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { journalFileName, type JournalClose, type JournalOpen } from '../../contract/journal.ts'
import { systemClock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import { openSqliteStore } from '../../store/sqlite/sqlite.ts'
import type { Store } from '../../store/store.ts'
import { parseJournal } from './journal-lines.ts'
import { createUsageReplay, type UsageReplay } from './usage-replay.ts'

const openLine = (id: string): JournalOpen => ({
  t: 'open',
  id,
  atMs: 5,
  key: 'key_1',
  route: 'chat',
  endpoint: 'chat',
  stream: true,
  estimatedTokens: 77,
})

const closeLine = (id: string, promptTokens = 3): JournalClose => ({
  t: 'close',
  id,
  atMs: 6,
  key: 'key_1',
  route: 'chat',
  endpoint: 'chat',
  stream: true,
  deployment: 'ant',
  replica: 'ant-1',
  outcome: 'ok',
  status: 200,
  error: null,
  clientId: null,
  promptTokens,
  completionTokens: 5,
  cachedTokens: 0,
  isEstimated: false,
  ttftMs: 1.5,
  e2eMs: 20,
  holdMs: 0,
  itlMsMean: 2,
  attempts: 1,
  requestBytes: 10,
  responseBytes: 20,
})

const linesOf = (...records: object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

interface Bench {
  readonly replay: UsageReplay
  readonly store: Store
  /** Appends to a journal file of gateway 0. */
  readonly write: (text: string, sequence?: number, startedAtMs?: number) => void
  /** Says which gateway process runs. */
  readonly record: (isRunning: boolean, startedAtMs?: number) => void
  readonly files: () => string[]
  readonly stored: () => Promise<[string, string, number][]>
  /** As after a restart of control. */
  readonly reopen: () => UsageReplay
  /** The next calls of the store fail. */
  readonly fail: (calls: number) => void
  readonly age: (sequence: number) => void
}

async function bench(): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'baleen-usage-'))
  for (const folder of ['journal', 'run']) mkdirSync(join(directory, folder))
  const store = await openSqliteStore(join(directory, 'baleen.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  let failures = 0
  const requests = {
    ...store.requests,
    replay: async (...input: Parameters<Store['requests']['replay']>) => {
      if (failures-- > 0) throw new AppError('store/unavailable', { message: 'away' })
      return store.requests.replay(...input)
    },
  }
  const path = (sequence: number, startedAtMs: number): string =>
    join(directory, 'journal', journalFileName(0, startedAtMs, sequence))
  const reopen = (): UsageReplay =>
    createUsageReplay({
      dataDirectory: directory,
      requests,
      isRunning: ({ pid }) => pid === 1,
      clock: systemClock,
      log: silentLog,
      onReplayed: () => {},
    })
  return {
    replay: reopen(),
    store,
    reopen,
    write: (text, sequence = 0, startedAtMs = 100) =>
      appendFileSync(path(sequence, startedAtMs), text),
    record: (isRunning, startedAtMs = 100) =>
      writeFileSync(
        join(directory, 'run', 'gateway-0.json'),
        JSON.stringify({
          pid: isRunning ? 1 : 2,
          startTime: 's',
          url: null,
          index: 0,
          startedAtMs,
        }),
      ),
    files: () => readdirSync(join(directory, 'journal')).toSorted(),
    async stored() {
      const rows = await store.requests.recent({ limit: 10_000 })
      return rows
        .map((row): [string, string, number] => [row.id, row.outcome, row.promptTokens])
        .toSorted(([a], [b]) => a.localeCompare(b))
    },
    fail: (calls) => void (failures = calls),
    age: (sequence) => utimesSync(path(sequence, 100), 1, 1),
  }
}

describe('usage replay', () => {
  it('stores closed requests as they come, and each once', async () => {
    const { replay, reopen, write, record, stored, files } = await bench()
    record(true)
    write(linesOf(openLine('a'), closeLine('a'), openLine('b')))
    await replay.run()
    expect(await stored()).toEqual([['a', 'ok', 3]])
    write(linesOf(closeLine('b', 9), closeLine('b', 1000)))
    await replay.run()
    await reopen().run()
    expect(await stored()).toEqual([
      ['a', 'ok', 3],
      ['b', 'ok', 9],
    ])
    expect(files()).toHaveLength(1)
  })

  it('waits for the rest of a line that is in the writing', async () => {
    const { replay, write, record, stored } = await bench()
    record(true)
    const line = linesOf(closeLine('a'))
    write(line.slice(0, 40))
    await replay.run()
    expect(await stored()).toEqual([])
    write(line.slice(40))
    await replay.run()
    expect(await stored()).toEqual([['a', 'ok', 3]])
  })

  it('closes what a dead gateway left open, skips its torn line and removes its file', async () => {
    const { replay, write, record, stored, files } = await bench()
    record(false)
    write(linesOf(openLine('a'), openLine('b'), closeLine('b')) + '{"t":"close","id":"a","at')
    await replay.run()
    expect(await stored()).toEqual([
      ['a', 'failed', 77],
      ['b', 'ok', 3],
    ])
    expect(files()).toEqual([])
    expect(await replay.run()).toBeUndefined()
  })

  it('leaves the open requests of a living gateway alone', async () => {
    const { replay, write, record, stored, files } = await bench()
    record(true)
    write(linesOf(openLine('a')))
    await replay.run()
    await replay.run()
    expect(await stored()).toEqual([])
    expect(files()).toHaveLength(1)
  })

  it('finds the end of a request in a later file, and keeps the earlier one until then', async () => {
    const { replay, reopen, write, record, stored, files } = await bench()
    record(true)
    write(linesOf(closeLine('x'), openLine('a')), 0)
    write(linesOf(openLine('b')), 1)
    await replay.run()
    expect(files()).toHaveLength(2)
    const next = reopen()
    await next.run()
    write(linesOf(closeLine('a')), 1)
    await next.run()
    expect(await stored()).toEqual([
      ['a', 'ok', 3],
      ['x', 'ok', 3],
    ])
    expect(files()).toEqual([journalFileName(0, 100, 1)])
  })

  it('remembers over a restart what was open', async () => {
    const { replay, reopen, write, record, stored } = await bench()
    record(true)
    write(linesOf(openLine('a'), closeLine('x')))
    await replay.run()
    record(false)
    await reopen().run()
    expect(await stored()).toEqual([
      ['a', 'failed', 77],
      ['x', 'ok', 3],
    ])
  })

  it('does not take a gateway for dead that has not said yet who it is', async () => {
    const { replay, write, record, stored, files, age } = await bench()
    write(linesOf(openLine('a')))
    await replay.run()
    record(true, 50)
    await replay.run()
    expect(await stored()).toEqual([])
    age(0)
    await replay.run()
    expect(await stored()).toEqual([['a', 'failed', 77]])
    expect(files()).toEqual([])
  })

  it('takes a process for dead whose place another has taken', async () => {
    const { replay, write, record, stored } = await bench()
    record(true, 200)
    write(linesOf(openLine('a')), 0, 100)
    write(linesOf(openLine('b')), 0, 200)
    await replay.run()
    expect(await stored()).toEqual([['a', 'failed', 77]])
  })

  it('loses nothing while the store is away, wherever that hits', async () => {
    for (let calls = 1; calls < 5; calls++) {
      const { replay, write, record, stored, fail, files } = await bench()
      record(false)
      write(linesOf(openLine('a'), openLine('b'), closeLine('b')))
      fail(calls)
      for (let attempt = 0; attempt < calls; attempt++)
        await expect(replay.run()).rejects.toMatchObject({ code: 'store/unavailable' })
      expect(files()).toHaveLength(1)
      await replay.run()
      expect(await stored()).toEqual([
        ['a', 'failed', 77],
        ['b', 'ok', 3],
      ])
    }
  })

  it('goes on after lines that no gateway wrote', async () => {
    const { replay, write, record, stored } = await bench()
    record(true)
    const odd = { ...closeLine('odd'), promptTokens: 'many' }
    write(`\0\0\0\n\nnull\n[1]\n{"t":"open"}\n{"t":\n${linesOf(odd)}${'x'.repeat(300_000)}\n`)
    write(linesOf(closeLine('a')))
    await replay.run()
    expect(await stored()).toEqual([['a', 'ok', 3]])
  })

  it('reads long journals piece by piece and in the background', async () => {
    const { replay, write, record, stored, files } = await bench()
    record(false)
    const ids = Array.from({ length: 3000 }, (_, at) => `request-${String(at).padStart(5, '0')}`)
    write(linesOf(...ids.flatMap((id) => [openLine(id), closeLine(id)])))
    write('not for us', 0, 999)
    replay.start()
    await expect.poll(() => files().length, { timeout: 60_000 }).toBe(1)
    await replay.close()
    expect(await stored()).toHaveLength(3000)
    expect(files()).toEqual([journalFileName(0, 999, 0)])
  })
})

describe('journal lines', () => {
  it('come out whole and once, however the file is cut into pieces', () => {
    const records = [openLine('ä'), closeLine('ä'), openLine('b')]
    const bytes = Buffer.from(linesOf(...records))
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        let from = 0
        const seen: unknown[] = []
        for (const end of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          const { lines, next } = parseJournal(bytes.subarray(from, Math.max(from, end)), from)
          seen.push(...lines.map((line) => line.record))
          for (const { offset } of lines) expect(bytes[offset]).toBe('{'.charCodeAt(0))
          from = next
        }
        expect(seen).toEqual(records)
      }),
    )
  })

  it('never throws, whatever the file holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { next, lines } = parseJournal(Buffer.from(bytes), 7)
        expect(next).toBeLessThanOrEqual(7 + bytes.length)
        expect(lines.every(({ record }) => record === null)).toBe(true)
      }),
    )
  })
})
