/** A request that waits for a replica. */
export interface Held {
  /** Tries again to find one. False: none yet. */
  onWake(): boolean
}

export interface HoldQueue {
  readonly size: number
  /** False: too many wait already. */
  add(held: Held): boolean
  remove(held: Held): void
  /** Something has changed: a new snapshot, or time has passed for a breaker. In order of arrival. */
  wake(): void
}

const heldMax = 1000

/** Requests whose model is loading or down. They wait in memory, so their number is bounded. */
export function createHoldQueue(): HoldQueue {
  const waiting = new Set<Held>()
  return {
    get size() {
      return waiting.size
    },
    add(held) {
      if (waiting.size >= heldMax) return false
      waiting.add(held)
      return true
    },
    remove: (held) => void waiting.delete(held),
    wake() {
      for (const held of waiting) if (held.onWake()) waiting.delete(held)
    },
  }
}
