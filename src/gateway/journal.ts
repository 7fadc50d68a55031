import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { journalFileName } from '../contract/journal.ts'

/** Called once its record is on disk, or is known to be kept in memory until the disk takes it. */
export interface JournalWaiter {
  onRecorded(): void
}

export interface Journal {
  /** Written with the next record that somebody waits for, or within 20 ms. */
  note(line: string): void
  /**
   * Written at the end of this turn of the event loop, together with all others of the turn. Null: nobody waits, but
   * somebody soon will.
   */
  record(line: string, waiter: JournalWaiter | null): void
  /** Writes what was noted, now: before the first byte of an answer leaves. */
  flush(): void
  /** False while the disk refuses: no new request should be admitted. */
  readonly isWorking: boolean
  /** Bytes that wait for the disk. */
  readonly pendingBytes: number
  /** Call regularly: tries the disk again. */
  retry(): void
  close(): void
}

export interface JournalFiles {
  open(path: string): number
  write(file: number, bytes: Buffer): number
  close(file: number): void
}

const fileBytesMax = 8_000_000
/** Requests in flight when the disk fills up keep their records here. */
const pendingBytesMax = 64 * 2 ** 20
const noteDelayMs = 20

const realFiles: JournalFiles = {
  open: (path) => openSync(path, 'a', 0o600),
  write: (file, bytes) => writeSync(file, bytes),
  close: (file) => closeSync(file),
}

/**
 * Appends lines to files as contract/journal.ts describes. Survives the end of the process, not of the machine:
 * an fsync a request would cost more than the request.
 */
export function createJournal(
  place: { readonly directory: string; readonly index: number; readonly startedAtMs: number },
  onTrouble: (thrown: unknown) => void,
  files: JournalFiles = realFiles,
): Journal {
  let lines = ''
  let waiters: JournalWaiter[] = []
  /** What a failed or short write left. */
  let rest: Buffer | null = null
  let file = -1
  let sequence = 0
  let fileBytes = 0
  let isScheduled = false
  let isWorking = true
  let noteTimer: NodeJS.Timeout | null = null

  const path = () =>
    join(place.directory, journalFileName(place.index, place.startedAtMs, sequence))

  function writeAll(bytes: Buffer): void {
    rest = bytes
    if (file < 0) file = files.open(path())
    while (rest.length > 0) rest = rest.subarray(files.write(file, rest))
    rest = null
    fileBytes += bytes.length
    if (fileBytes < fileBytesMax) return
    files.close(file)
    file = -1
    fileBytes = 0
    sequence++
  }

  /** A short write is continued where it stopped, so that no line is torn. */
  function write(): void {
    if (rest === null && lines === '') return
    const fresh = lines === '' ? null : Buffer.from(lines)
    lines = ''
    const bytes = rest && fresh ? Buffer.concat([rest, fresh]) : (rest ?? fresh!)
    try {
      writeAll(bytes)
      isWorking = true
    } catch (thrown) {
      if (isWorking) onTrouble(thrown)
      isWorking = false
      rest = trim(rest ?? bytes)
    }
  }

  function flush(): void {
    if (noteTimer !== null) clearTimeout(noteTimer)
    noteTimer = null
    write()
  }

  function finishTurn(): void {
    isScheduled = false
    flush()
    const recorded = waiters
    waiters = []
    for (const waiter of recorded) waiter.onRecorded()
  }

  return {
    note(line) {
      lines += line
      noteTimer ??= setTimeout(flush, noteDelayMs)
    },
    record(line, waiter) {
      lines += line
      if (waiter) waiters.push(waiter)
      if (isScheduled) return
      isScheduled = true
      setImmediate(finishTurn)
    },
    flush() {
      if (lines !== '') flush()
    },
    get isWorking() {
      return isWorking
    },
    get pendingBytes() {
      return (rest?.length ?? 0) + lines.length
    },
    retry() {
      if (!isWorking) write()
    },
    close() {
      flush()
      if (file >= 0) files.close(file)
      file = -1
    },
  }
}

/** Keeps the newest lines where even memory is not enough: usage of requests that have just been answered. */
function trim(bytes: Buffer): Buffer {
  if (bytes.length <= pendingBytesMax) return bytes
  const cut = bytes.indexOf(10, bytes.length - pendingBytesMax)
  // Ends the line that a short write may have torn.
  return Buffer.concat([Buffer.from('\n'), bytes.subarray(cut + 1)])
}
