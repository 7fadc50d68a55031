import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import type { Snapshot } from '../contract/snapshot.ts'

export interface SnapshotFile {
  /** Replaces the file as a whole where something changed. Throws where it can't be written: call again. */
  write(content: Pick<Snapshot, 'keys' | 'routes' | 'lost' | 'ended'>): void
}

/** The file that gateways read. Its version goes on where an earlier control stopped. */
export function createSnapshotFile(path: string, clock: Clock): SnapshotFile {
  const last = read(path)
  let version = last?.version ?? 0
  let written = last && JSON.stringify([last.keys, last.routes, last.lost ?? [], last.ended ?? []])

  return {
    write({ keys, routes, lost = [], ended = [] }) {
      const content = JSON.stringify([keys, routes, lost, ended])
      if (content === written) return
      // The wall clock keeps the version growing even when the file was lost: gateways may still hold the old one.
      const next = Math.max(version + 1, clock.nowMs())
      const facts = { keys, routes, lost, ended }
      const snapshot: Snapshot = { version: next, createdAtMs: clock.nowMs(), ...facts }
      replaceFile(path, JSON.stringify(snapshot))
      version = next
      written = content
    },
  }
}

function read(path: string): Snapshot | null {
  try {
    const snapshot = JSON.parse(readFileSync(path, 'utf8')) as Snapshot
    return Number.isSafeInteger(snapshot.version) ? snapshot : null
  } catch {
    return null
  }
}

/** Readers see the old file or the whole new one, also after a power cut. It holds hashes of keys: mode 600. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
