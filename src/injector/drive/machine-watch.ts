import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from 'node:os'

/** What the machine did to a run: time taken by the host, and a wall clock that was moved. */
export interface MachineWatch {
  end(): { stealShare: number | null; clockDriftMs: number }
}

export function watchMachine(): MachineWatch {
  const ticks = processorTicks()
  const wallMs = Date.now()
  const monotonicMs = performance.now()
  return {
    end() {
      const after = processorTicks()
      const total = ticks && after ? after.total - ticks.total : 0
      return {
        stealShare: total > 0 ? (after!.steal - ticks!.steal) / total : null,
        clockDriftMs: Date.now() - wallMs - (performance.now() - monotonicMs),
      }
    },
  }
}

/** What a reader has to know of the injector's own machine. */
export const clientFacts = (): Record<string, string | number> => ({
  node: process.version,
  platform: `${platform()} ${arch()}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  load1m: loadavg()[0]!,
})

/** Null where the system does not tell. */
function processorTicks(): { total: number; steal: number } | null {
  try {
    const fields = readFileSync('/proc/stat', 'utf8')
      .split('\n', 1)[0]!
      .trim()
      .split(/\s+/)
      .slice(1, 9)
    const ticks = fields.map(Number)
    return { total: ticks.reduce((sum, value) => sum + value, 0), steal: ticks[7] ?? 0 }
  } catch {
    return null
  }
}
