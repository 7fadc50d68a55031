import { formatBytes, formatDurationMs } from '../../core/units.ts'
import type { ModelProgress } from '../../models/progress.ts'
import { createTransferMeter } from '../../models/transfer-meter.ts'

/** For the status of a deployment: "fetching tiny.gguf, 41 % of 4.1 GiB, 12.0 MiB/s, 3m left". */
export function createTransferText(nowMs: () => number): (progress: ModelProgress) => string {
  const meter = createTransferMeter(nowMs)
  return (progress) => {
    const { what, share, pace } = meter(progress)
    const { step, doneBytes, totalBytes } = progress
    if (step === 'choose') return `fetching ${what}`
    if (share === null || totalBytes === null)
      return doneBytes === 0 ? what : `${what}, ${formatBytes(doneBytes)}`
    const done = `${what}, ${Math.floor(share * 100)} % of ${formatBytes(totalBytes)}`
    return pace === null
      ? done
      : `${done}, ${formatBytes(pace.bytesPerS)}/s, ${formatDurationMs(pace.leftMs)} left`
  }
}
