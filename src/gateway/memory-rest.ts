import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** V8 gives memory back while a page or an app idles; a server has nobody to tell it that this is the moment. */
export interface MemoryRest {
  /** Call regularly. */
  observe(isBusy: boolean): void
}

/** A shorter pause is ordinary, and code that was thrown away has to be compiled again. */
const quietMs = 30_000
/** Less is not worth the pause of some ten milliseconds. */
const excessBytes = 16 * 2 ** 20

/** `collect`: frees all that can be freed. What stays resident then is not tried again. */
export function createMemoryRest(
  nowMs: () => number,
  residentBytes: () => number = () => process.memoryUsage.rss(),
  collect: () => void = collectAll,
): MemoryRest {
  let busyAtMs = nowMs()
  let restedBytes = residentBytes()
  return {
    observe(isBusy) {
      if (isBusy) busyAtMs = nowMs()
      if (nowMs() - busyAtMs < quietMs || residentBytes() < restedBytes + excessBytes) return
      collect()
      restedBytes = residentBytes()
    },
  }
}

let gc: ((options: object) => void) | null = null

function collectAll(): void {
  if (!gc) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as (options: object) => void
  }
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
