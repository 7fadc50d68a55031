import { readFileSync, statSync } from 'node:fs'
import type { Snapshot } from '../contract/snapshot.ts'

export interface SnapshotWatch {
  /** Looks whether there is a newer one. Cheap where there is none: one stat. */
  poll(): void
}

/**
 * Follows `run/snapshot.json`. It is replaced by a rename, so it is whole whenever it is read; one that makes no
 * sense is reported and the old view stays.
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
  return {
    poll() {
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
    },
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
