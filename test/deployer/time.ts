interface Due {
  readonly atMs: number
  readonly order: number
  readonly work: () => void
}

export type Time = ReturnType<typeof createTime>

/** Simulated time: things happen in order, and what they set off has its turn before the next. */
export function createTime() {
  let nowMs = 1000
  let ids = 0
  let queue: Due[] = []
  const cancelled = new Set<number>()
  const add = (atMs: number, work: () => void): number => {
    const order = ++ids
    const due = { atMs, order, work }
    let at = queue.length
    while (at > 0 && queue[at - 1]!.atMs > atMs) at--
    queue.splice(at, 0, due)
    return order
  }
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 12; turn++) await Promise.resolve()
  }
  return {
    nowMs: () => nowMs,
    id: () => ++ids,
    after: (ms: number, work: () => void) => void add(nowMs + ms, work),
    pause: (ms: number) => new Promise<void>((resolve) => void add(nowMs + ms, resolve)),
    every: (ms: number, work: () => void) => {
      const key = ++ids
      const again = (): void => {
        if (cancelled.has(key)) return
        work()
        add(nowMs + ms, again)
      }
      add(nowMs + ms, again)
      return () => void cancelled.add(key)
    },
    advance: async (ms: number): Promise<void> => {
      const untilMs = nowMs + ms
      await turns()
      while (queue.length > 0 && queue[0]!.atMs <= untilMs) {
        const due = queue.shift()!
        nowMs = Math.max(nowMs, due.atMs)
        due.work()
        await turns()
      }
      nowMs = untilMs
    },
  }
}

/** What a process that was killed had begun. */
export const never = <T>(): Promise<T> => new Promise(() => {})
