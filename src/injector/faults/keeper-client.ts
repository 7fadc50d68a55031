import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { KeeperCommand, KeeperReport } from './fault-keeper.ts'
import type { ReadyAction } from './process-fault.ts'

/** The process that keeps process faults bounded; see fault-keeper.ts. */
export interface Keeper {
  /** Settles when the fault stands. */
  apply(id: number, action: ReadyAction, forMs: number): Promise<KeeperReport>
  /** Settles when the fault is undone, or could not be applied. */
  undone(id: number): Promise<KeeperReport>
  /** Undoes what is left and ends the process. */
  end(): Promise<void>
}

/** `folder`: where it writes down what is broken. */
export function startKeeper(folder?: string): Keeper {
  // A session of its own: Ctrl-C in the terminal ends the injector first, and the keeper by the end of its stdin.
  const child = spawn(
    process.execPath,
    [`${import.meta.dirname}/fault-keeper.ts`, ...(folder === undefined ? [] : [folder])],
    {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  )
  const waits = new Map<string, PromiseWithResolvers<KeeperReport>>()
  const wait = (id: number, phase: 'applied' | 'undone') => {
    const key = `${id} ${phase}`
    const found = waits.get(key) ?? Promise.withResolvers<KeeperReport>()
    waits.set(key, found)
    if (hasEnded) found.resolve(gone(id))
    return found
  }
  let hasEnded = false
  const gone = (id: number): KeeperReport => ({ id, did: 'failed', note: 'the fault keeper ended' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('error', () => child.emit('close'))
  void ended.then(() => {
    hasEnded = true
    for (const [key, { resolve }] of waits) resolve(gone(Number.parseInt(key)))
  })
  child.stdin.on('error', () => {})
  createInterface({ input: child.stdout }).on('line', (line) => {
    const report = JSON.parse(line) as KeeperReport
    if (report.did !== 'undone') wait(report.id, 'applied').resolve(report)
    if (report.did !== 'applied') wait(report.id, 'undone').resolve(report)
  })
  return {
    apply(id, action, forMs) {
      const command: KeeperCommand = { id, action, forMs }
      child.stdin.write(`${JSON.stringify(command)}\n`)
      return wait(id, 'applied').promise
    },
    undone: (id) => wait(id, 'undone').promise,
    end() {
      child.stdin.end()
      return ended
    },
  }
}
