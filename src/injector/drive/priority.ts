import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { isMainThread } from 'node:worker_threads'

/** How a thread of the injector stands among the others that want the processor. */
const priorities = ['ordinary', 'raised', 'real-time'] as const
export type Priority = (typeof priorities)[number]

export const lowerPriority = (a: Priority, b: Priority): Priority =>
  priorities[Math.min(priorities.indexOf(a), priorities.indexOf(b))]!

/**
 * Asks for the calling worker thread to run as soon as it can: a client that waits for a processor measures that. What
 * it gets depends on the user's rights (root or CAP_SYS_NICE on Linux); it never fails.
 */
export function takePriority(): Priority {
  if (process.platform !== 'linux' || isMainThread) return 'ordinary'
  try {
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1)!
    // The lowest real-time priority, and one that is taken from it where it never rests (sched(7)).
    execFileSync('chrt', ['--rr', '--pid', '1', thread], { stdio: 'ignore', timeout: 2000 })
    return 'real-time'
  } catch {
    try {
      // On Linux 0 is the calling thread.
      setPriority(0, -20)
      return 'raised'
    } catch {
      return 'ordinary'
    }
  }
}
