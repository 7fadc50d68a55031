import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { LogRequest } from '../runtime.ts'

/** Logs of replicas, `ID.log` each and `ID.log.1` with what came before the last cut. */
export interface ReplicaLogs {
  /** A file descriptor for appending; the caller closes it. */
  open(id: string): number
  has(id: string): boolean
  tail(id: string, lines: number): readonly string[]
  follow(id: string, request: LogRequest): AsyncIterable<string>
  /** Cuts a log that has grown too long, while its replica goes on appending. */
  trim(id: string): void
  /** Removes the oldest logs of replicas that don't run. */
  prune(running: ReadonlySet<string>): void
}

export interface LogLimits {
  readonly bytesMax: number
  /** Logs of ended replicas that are kept. */
  readonly endedMax: number
}

const defaults: LogLimits = { bytesMax: 16 * 2 ** 20, endedMax: 50 }
const pollMs = 100
/** A reader asks for lines; no more than this is looked at for them. */
const tailBytesMax = 4 * 2 ** 20

export function createReplicaLogs(directory: string, limits: LogLimits = defaults): ReplicaLogs {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pathOf = (id: string): string => join(directory, `${id}.log`)
  const tail = (id: string, lines: number): readonly string[] => {
    const path = pathOf(id)
    const older = readFrom(`${path}.1`, sizeOf(`${path}.1`) - tailBytesMax)
    const text = older + readFrom(path, sizeOf(path) - tailBytesMax)
    return lines <= 0 ? [] : splitLines(text).slice(-lines)
  }

  return {
    open: (id) => openSync(pathOf(id), 'a', 0o600),
    has: (id) => /^[\w-]+$/.test(id) && existsSync(pathOf(id)),
    tail,
    async *follow(id, { lines, follow, signal }) {
      const path = pathOf(id)
      let position = sizeOf(path)
      yield* tail(id, lines)
      let rest = ''
      while (follow && !signal.aborted) {
        await delay(pollMs, undefined, { signal }).catch(() => {})
        const size = sizeOf(path)
        if (size === position) continue
        // Shorter than before: it was cut, and what was not yet read stands in the copy.
        const missed = size < position ? readFrom(`${path}.1`, position) : ''
        const from = size < position ? 0 : position
        const text = rest + missed + readFrom(path, from, size)
        position = size
        const end = text.lastIndexOf('\n') + 1
        rest = text.slice(end)
        yield* splitLines(text.slice(0, end))
      }
    },
    trim(id) {
      const path = pathOf(id)
      if (sizeOf(path) <= limits.bytesMax) return
      // The replica holds the file open for appending. A line written between these two is lost.
      try {
        copyFileSync(path, `${path}.1`)
      } catch {
        // A full disk: cutting the log is what helps.
      }
      truncateSync(path)
    },
    prune(running) {
      const ended = readdirSync(directory)
        .filter((name) => name.endsWith('.log') && !running.has(name.slice(0, -4)))
        .map((name) => ({ path: join(directory, name), atMs: modifiedAtMs(join(directory, name)) }))
        .toSorted((a, b) => b.atMs - a.atMs)
      for (const { path } of ended.slice(limits.endedMax)) {
        rmSync(path, { force: true })
        rmSync(`${path}.1`, { force: true })
      }
    },
  }
}

const splitLines = (text: string): readonly string[] =>
  text.split('\n').filter((line) => line !== '')

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

const modifiedAtMs = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Bytes of a file from a position on; nothing where there is no file. */
function readFrom(path: string, from: number, to = sizeOf(path)): string {
  const start = Math.max(0, from)
  if (to <= start) return ''
  const buffer = Buffer.alloc(to - start)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, start))
  } finally {
    closeSync(file)
  }
}
