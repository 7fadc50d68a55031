import type { ModelProgress } from './progress.ts'

/** How a long step gets on. */
export interface Metered {
  /** "fetching tiny.gguf" */
  readonly what: string
  /** 0 to 1. Null: nobody knows how much it will be. */
  readonly share: number | null
  /** Null until there is something to reckon with. */
  readonly pace: { readonly bytesPerS: number; readonly leftMs: number } | null
}

const doing = {
  convert: 'converting',
  choose: '',
  download: 'fetching',
  join: 'joining',
  check: 'checking',
}

/** Reckons pace and time left from what it was told before. */
export function createTransferMeter(nowMs: () => number): (progress: ModelProgress) => Metered {
  let step: string | null = null
  let startedAtMs = 0
  let startedBytes = 0
  return ({ step: current, text, doneBytes, totalBytes }) => {
    const now = nowMs()
    if (step !== `${current} ${text}`) {
      step = `${current} ${text}`
      startedAtMs = now
      // What an earlier attempt left was not fetched at today's pace.
      startedBytes = doneBytes
    }
    const what = `${doing[current]} ${text}`.trim()
    if (current === 'choose' || totalBytes === null) return { what, share: null, pace: null }
    const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
    const bytesPerMs = (doneBytes - startedBytes) / (now - startedAtMs)
    if (now - startedAtMs < 1000 || bytesPerMs <= 0) return { what, share, pace: null }
    const leftMs = Math.ceil((totalBytes - doneBytes) / bytesPerMs / 1000) * 1000
    return { what, share, pace: { bytesPerS: Math.round(bytesPerMs * 1000), leftMs } }
  }
}
