const endedMax = 200

/** Last words of replicas whose host has forgotten them, the latest of them. */
export interface EndedLogs {
  has(id: string): boolean
  keep(id: string, lines: readonly string[]): void
  /** Null: it did not end while we looked. */
  tail(id: string, lines: number): readonly string[] | null
  forget(id: string): void
}

export function createEndedLogs(): EndedLogs {
  const ended = new Map<string, readonly string[]>()
  return {
    has: (id) => ended.has(id),
    keep(id, lines) {
      ended.delete(id)
      ended.set(id, lines)
      if (ended.size > endedMax) for (const oldest of ended.keys().take(1)) ended.delete(oldest)
    },
    tail(id, lines) {
      const known = ended.get(id)
      return known ? (lines > 0 ? known.slice(-lines) : []) : null
    },
    forget: (id) => void ended.delete(id),
  }
}
