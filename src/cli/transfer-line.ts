import { formatBytes, formatDurationMs } from '../core/units.ts'
import type { ModelProgress } from '../models/progress.ts'
import { createTransferMeter } from '../models/transfer-meter.ts'

const barWidth = 20

/** One line a step: "fetching tiny.gguf ████░░░░ 41 %  12.0 MiB/s  8s left". */
export function createTransferLine(nowMs: () => number): (progress: ModelProgress) => string {
  const meter = createTransferMeter(nowMs)
  return (progress) => {
    const { what, share, pace } = meter(progress)
    const { doneBytes, totalBytes } = progress
    if (share === null || totalBytes === null)
      return doneBytes === 0 ? what : `${what} ${formatBytes(doneBytes)}`
    const filled = Math.round(share * barWidth)
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled)
    const line = `${what} ${bar} ${Math.floor(share * 100)} % of ${formatBytes(totalBytes)}`
    if (pace === null) return line
    return `${line}  ${formatBytes(pace.bytesPerS)}/s  ${formatDurationMs(pace.leftMs)} left`
  }
}
