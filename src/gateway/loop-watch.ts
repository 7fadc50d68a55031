import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { observeLoop, type Shedding } from './policy/shed.ts'

export interface LoopWatch {
  /** Of the last window. */
  readonly lagMsP99: number
  /** Every 500 ms: closes a window and lets the shedding policy see it. */
  observe(): void
  close(): void
}

const resolutionMs = 20

export function createLoopWatch(shedding: Shedding): LoopWatch {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  let cpu = process.cpuUsage()
  let atMs = performance.now()
  let lagMsP99 = 0
  return {
    get lagMsP99() {
      return lagMsP99
    },
    observe() {
      const nowMs = performance.now()
      const used = process.cpuUsage(cpu)
      const cores = (used.user + used.system) / 1000 / Math.max(1, nowMs - atMs)
      cpu = process.cpuUsage()
      atMs = nowMs
      // The histogram counts from one sample to the next: the pause it asks for is not lag.
      const p99 = delays.percentile(99) / 1e6 - resolutionMs
      lagMsP99 = delays.count > 0 && p99 > 0 ? p99 : 0
      delays.reset()
      observeLoop(shedding, { lagMsP99, cores })
    },
    close: () => delays.disable(),
  }
}
