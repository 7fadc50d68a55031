import { readFileSync, statSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Snapshot } from '../contract/snapshot.ts'

export interface SnapshotWatch {
  /** Looks whether there is a newer one. Cheap where there is none: one stat. */
  poll(): void
  close(): void
}

/**
 * Follows `run/snapshot.json`. It is replaced by a rename, so it is whole whenever it is read; one that makes no
 * sense is reported and the old view stays. The kernel tells when it is replaced, but not on every file system and
 * not where watches have run out: whoever holds this polls, too.
 */
export function createSnapshotWatch(
  path: string,
  listener: {
    onSnapshot(snapshot: Snapshot): void
    onTrouble(thrown: unknown): void
  },
): SnapshotWatch {
  let seen = ''
  let version = -1
  const poll = (): void => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) return
    const identity = `${stat.ino}:${stat.mtimeMs}:${stat.size}`
    if (identity === seen) return
    seen = identity
    try {
      const snapshot = parseSnapshot(readFileSync(path, 'utf8'))
      if (snapshot.version <= version) return
      listener.onSnapshot(snapshot)
      version = snapshot.version
    } catch (thrown) {
      listener.onTrouble(thrown)
    }
  }
  const watcher = watchFile(path, poll)
  return { poll, close: () => watcher?.close() }
}

/** Watches the directory: the file itself is another one after each rename. Null: it can't be watched. */
function watchFile(path: string, onChange: () => void): FSWatcher | null {
  const name = basename(path)
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_, changed) => {
      if (changed === name) onChange()
    })
    return watcher.on('error', () => watcher.close())
  } catch {
    return null
  }
}

/** Control is trusted to write what the type says, but not to have written all of it. */
function parseSnapshot(text: string): Snapshot {
  const snapshot = JSON.parse(text) as Partial<Snapshot> | null
  const isWhole =
    typeof snapshot?.version === 'number' &&
    Array.isArray(snapshot.keys) &&
    Array.isArray(snapshot.routes)
  if (!isWhole) throw new Error('the snapshot lacks its version, keys or routes')
  return snapshot as Snapshot
}
