import { open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { GatewayRecord } from '../../contract/boot.ts'
import {
  parseJournalFileName,
  type JournalFile,
  type JournalOpen,
  type JournalRecord,
} from '../../contract/journal.ts'
import type { Clock } from '../../core/clock.ts'
import { toAppError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { RequestQueries, StoredRequest } from '../../store/store.ts'
import { closeOfLost, parseJournal } from './journal-lines.ts'

export interface UsageReplayDeps {
  readonly dataDirectory: string
  readonly requests: RequestQueries
  isRunning(record: Pick<GatewayRecord, 'pid' | 'startTime'>): boolean
  readonly clock: Clock
  readonly log: Log
  /** Requests that were stored. */
  onReplayed(count: number): void
  /** Each line as it is read for the first time by this process. */
  onRecord?(record: JournalRecord): void
}

/** Brings what gateways wrote to their journals into the store, each request once. */
export interface UsageReplay {
  /** All that is there now. Throws coded errors of the store; what was stored by then stays. */
  run(): Promise<void>
  /** Again and again until `close`. Trouble is logged and tried again. */
  start(): void
  close(): Promise<void>
  /** Bytes not yet in the store, as of the last look. */
  lagBytes(): number
}

/** One gateway process and its files, oldest first. */
interface Writer {
  readonly prefix: string
  readonly index: number
  readonly startedAtMs: number
  readonly files: { readonly name: string; readonly sequence: number }[]
}

interface OpenRequest {
  readonly record: JournalOpen
  readonly file: string
  readonly offset: number
}

const pauseMs = 500
const pauseMsMax = 10_000
/** Small enough that neither the database nor the event loop is held for long. */
const pieceBytes = 128 * 1024
/** A gateway writes its files and its record at about the same time: how long one may be without the other. */
const unknownForMs = 60_000

export function createUsageReplay(deps: UsageReplayDeps): UsageReplay {
  const { requests, clock, log } = deps
  const journalPath = (name: string): string => join(deps.dataDirectory, 'journal', name)
  /** Bytes of each file that were looked at, and what was opened there and not closed. */
  let consumed: Map<string, number> | undefined
  const opened = new Map<string, Map<string, OpenRequest>>()
  let lagBytes = 0
  const ending = new AbortController()
  let looping: Promise<void> | undefined

  const replayFile = async (writer: Writer, name: string): Promise<void> => {
    const opens = opened.get(writer.prefix) ?? new Map<string, OpenRequest>()
    opened.set(writer.prefix, opens)
    const file = await open(journalPath(name), 'r')
    try {
      const buffer = Buffer.alloc(pieceBytes)
      for (;;) {
        const from = consumed?.get(name) ?? 0
        const { bytesRead } = await file.read(buffer, 0, pieceBytes, from)
        const { lines, next } = parseJournal(buffer.subarray(0, bytesRead), from)
        // A piece without any newline is damaged: no line is that long.
        const until = next === from && bytesRead === pieceBytes ? from + bytesRead : next
        if (until === from) return
        await store(name, lines, until, opens)
      }
    } finally {
      await file.close()
    }
  }

  const store = async (
    file: string,
    lines: ReturnType<typeof parseJournal>['lines'],
    until: number,
    opens: Map<string, OpenRequest>,
  ): Promise<void> => {
    const closes: StoredRequest[] = []
    const after = new Map(opens)
    let damaged = 0
    for (const { record, offset } of lines) {
      if (record !== null) deps.onRecord?.(record)
      if (record === null) damaged++
      else if (record.t === 'open') after.set(record.id, { record, file, offset })
      else {
        after.delete(record.id)
        const { t: _, ...request } = record
        closes.push(request)
      }
    }
    // A new control has to read again from the oldest request that is still open.
    const stillOpen = [...after.values()].filter((one) => one.file === file)
    const offset = Math.min(until, ...stillOpen.map((one) => one.offset))
    await requests.replay(closes, { file, offset })
    if (closes.length > 0) deps.onReplayed(closes.length)
    consumed?.set(file, until)
    opens.clear()
    for (const [id, one] of after) opens.set(id, one)
    if (damaged > 0) log.warn({ file, damaged }, 'journal lines that can not be read are left out')
  }

  const closeLost = async ({ prefix, files }: Writer): Promise<void> => {
    const lost = [...(opened.get(prefix)?.values() ?? [])]
    const last = files.at(-1)?.name
    if (lost.length > 0 && last) {
      const rows = lost.map(({ record }): StoredRequest => {
        const { t: _, ...request } = closeOfLost(record, 'gateway/upstream-failed')
        return request
      })
      await requests.replay(rows, { file: last, offset: consumed?.get(last) ?? 0 })
      log.warn(
        { gateway: prefix, requests: lost.length },
        'requests were cut off with their gateway',
      )
    }
    opened.delete(prefix)
  }

  const remove = async (name: string): Promise<void> => {
    await rm(journalPath(name), { force: true })
    await requests.forgetJournal(name)
    consumed?.delete(name)
  }

  const replayWriter = async (writer: Writer): Promise<void> => {
    // Asked before reading: what it wrote until then is all read below.
    const hasEnded = await isOver(writer)
    for (const { name } of writer.files) await replayFile(writer, name)
    if (hasEnded) await closeLost(writer)
    const complete = hasEnded ? writer.files : writer.files.slice(0, -1)
    const held = new Set([...(opened.get(writer.prefix)?.values() ?? [])].map((one) => one.file))
    for (const { name } of complete) if (!held.has(name)) await remove(name)
  }

  const isOver = async ({ index, startedAtMs, files }: Writer): Promise<boolean> => {
    const record = await readRecord(join(deps.dataDirectory, 'run', `gateway-${index}.json`))
    if (record && record.startedAtMs === startedAtMs) return !deps.isRunning(record)
    if (record && record.startedAtMs > startedAtMs) return true
    const last = await stat(journalPath(files.at(-1)?.name ?? ''))
    return clock.nowMs() - last.mtimeMs > unknownForMs
  }

  const run = async (): Promise<void> => {
    if (!consumed) {
      const offsets = await requests.journalOffsets()
      consumed = new Map(offsets.map(({ file, offset }) => [file, offset]))
    }
    const writers = groupByWriter(await readdir(join(deps.dataDirectory, 'journal')))
    lagBytes = await unreadBytes(writers)
    for (const writer of writers) await replayWriter(writer)
    lagBytes = 0
  }

  const unreadBytes = async (writers: readonly Writer[]): Promise<number> => {
    const names = writers.flatMap((writer) => writer.files.map((file) => file.name))
    const sizes = await Promise.all(names.map((name) => stat(journalPath(name))))
    return sizes.reduce(
      (sum, { size }, at) => sum + size - (consumed?.get(names[at] ?? '') ?? 0),
      0,
    )
  }

  const loop = async (): Promise<void> => {
    let currentMs = pauseMs
    while (!ending.signal.aborted) {
      try {
        await run()
        currentMs = pauseMs
      } catch (thrown) {
        const { code, message } = toAppError(thrown)
        log.warn({ code, lagBytes }, `usage waits in the journal: ${message}`)
        currentMs = Math.min(currentMs * 2, pauseMsMax)
      }
      await delay(currentMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  }

  return {
    run,
    start: () => void (looping ??= loop()),
    async close() {
      ending.abort()
      await looping
    },
    lagBytes: () => lagBytes,
  }
}

function groupByWriter(names: readonly string[]): readonly Writer[] {
  const writers = new Map<string, Writer>()
  const files = names.flatMap((name) => {
    const parsed = parseJournalFileName(name)
    return parsed ? [{ name, ...parsed }] : []
  })
  for (const { name, index, startedAtMs, sequence } of files.toSorted(bySequence)) {
    const prefix = `${index}-${startedAtMs}`
    const writer = writers.get(prefix) ?? { prefix, index, startedAtMs, files: [] }
    writer.files.push({ name, sequence })
    writers.set(prefix, writer)
  }
  return [...writers.values()]
}

const bySequence = (a: JournalFile, b: JournalFile): number =>
  a.startedAtMs - b.startedAtMs || a.sequence - b.sequence

async function readRecord(path: string): Promise<GatewayRecord | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as GatewayRecord
  } catch {
    return null
  }
}
