import { appendFileSync, copyFileSync, openSync, renameSync, statSync, truncateSync } from 'node:fs'

const bytesMax = 16 * 2 ** 20

/** Opens a child's log for appending; a file grown too long makes room first. */
export function openLog(path: string): number {
  if (sizeOf(path) > bytesMax) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}

/**
 * Keeps the log of a running child short. The child holds the file open for appending, so the text is copied and the
 * file cut; a line written between the two is lost, which a log can bear.
 */
export function trimLog(path: string): void {
  if (sizeOf(path) <= bytesMax) return
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
}

/** Appends one JSON line. A full disk must not end the supervisor. */
export function writeLog(path: string, level: 'info' | 'warn' | 'error', fields: object): void {
  try {
    appendFileSync(path, `${JSON.stringify({ level, time: Date.now(), ...fields })}\n`, {
      mode: 0o600,
    })
  } catch {
    // Nowhere left to say it.
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
