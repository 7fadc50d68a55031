import { execFileSync } from 'node:child_process'
import { setPriority } from 'node:os'

const levels = ['ordinary', 'raised', 'real-time'] as const
type Level = (typeof levels)[number]

export const lowerPriority = (a: Level, b: Level): Level =>
  levels[Math.min(levels.indexOf(a), levels.indexOf(b))]!

/** How this process stands among the others that want the processor. */
export interface Priority {
  readonly level: Level
  /** Back to what it was. */
  release(): void
}

export const ordinaryPriority: Priority = { level: 'ordinary', release: () => {} }

/**
 * Asks for all threads of this process, and those it will start, to run as soon as they can: a client that waits for a
 * processor measures that. All, because a driver thread waits for those of V8 when memory is collected. What it gets
 * depends on the user's rights (root or CAP_SYS_NICE on Linux); it never fails.
 */
export function takePriority(): Priority {
  if (process.platform !== 'linux') return ordinaryPriority
  // The lowest real-time priority, and one that is taken from it where it never rests (sched(7)).
  if (schedule('--rr', '1'))
    return { level: 'real-time', release: () => void schedule('--other', '0') }
  try {
    setPriority(-20)
    return { level: 'raised', release: () => setPriority(0) }
  } catch {
    return ordinaryPriority
  }
}

function schedule(policy: '--rr' | '--other', priority: string): boolean {
  try {
    const options = ['--all-tasks', policy, '--pid', priority, String(process.pid)]
    execFileSync('chrt', options, { stdio: 'ignore', timeout: 2000 })
    return true
  } catch {
    return false
  }
}
