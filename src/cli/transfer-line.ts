import { formatBytes, formatDurationMs } from '../core/units.ts'
import type { ModelProgress } from '../models/progress.ts'

const barWidth = 20
const doing = {
  convert: 'converting',
  choose: '',
  download: 'fetching',
  join: 'joining',
  check: 'checking',
}

/** One line a step: "fetching tiny.gguf ████░░░░ 41 %  12.0 MiB/s  8s left". */
export function createTransferLine(nowMs: () => number): (progress: ModelProgress) => string {
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
    if (current === 'choose') return what
    if (totalBytes === null) return doneBytes === 0 ? what : `${what} ${formatBytes(doneBytes)}`
    const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
    const filled = Math.round(share * barWidth)
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled)
    const line = `${what} ${bar} ${Math.floor(share * 100)} % of ${formatBytes(totalBytes)}`
    const bytesPerMs = (doneBytes - startedBytes) / (now - startedAtMs)
    if (now - startedAtMs < 1000 || bytesPerMs <= 0) return line
    const left = formatDurationMs(Math.ceil((totalBytes - doneBytes) / bytesPerMs / 1000) * 1000)
    return `${line}  ${formatBytes(Math.round(bytesPerMs * 1000))}/s  ${left} left`
  }
}
