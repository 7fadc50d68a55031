/**
 * A process of its own that does what a fault does to processes, and undoes it: when its time is over, when it is
 * told to, and when the injector is gone, however that ended. It learns of that by the end of its stdin.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import type { FaultAction } from '../../contract/injection.ts'

export interface KeeperCommand {
  readonly id: number
  readonly action: FaultAction
  readonly forMs: number
}

export interface KeeperReport {
  readonly id: number
  readonly did: 'applied' | 'undone' | 'failed'
  readonly note: string
}

const undos = new Map<number, () => string>()
const tell = (report: KeeperReport) => process.stdout.write(`${JSON.stringify(report)}\n`)
// The reader may be gone; what was broken has to be mended all the same.
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, action, forMs } = JSON.parse(line) as KeeperCommand
  try {
    undos.set(id, apply(action))
    tell({ id, did: 'applied', note: '' })
  } catch (thrown) {
    tell({ id, did: 'failed', note: (thrown as Error).message })
    return
  }
  setTimeout(() => undo(id), forMs)
})
lines.on('close', end)

function undo(id: number): void {
  const mend = undos.get(id)
  undos.delete(id)
  if (mend) tell({ id, did: 'undone', note: mend() })
}

function end(): void {
  for (const id of undos.keys()) undo(id)
  process.exit(0)
}

function apply(action: FaultAction): () => string {
  switch (action.kind) {
    case 'kill':
      process.kill(action.pid, 'SIGKILL')
      return () => 'ended for good: whoever supervises it has to start it again'
    case 'terminate':
      process.kill(action.pid, 'SIGTERM')
      return () => 'asked to end: whoever supervises it has to start it again'
    case 'stop': {
      const startTime = startTimeOf(action.pid)
      process.kill(action.pid, 'SIGSTOP')
      return () => {
        if (startTimeOf(action.pid) !== startTime) return 'it was ended meanwhile'
        process.kill(action.pid, 'SIGCONT')
        return ''
      }
    }
    case 'hog-cpu': {
      const workers = Array.from(
        { length: action.cores },
        () => new Worker('for (;;) Math.sqrt(Math.random())', { eval: true }),
      )
      return () => {
        for (const worker of workers) void worker.terminate()
        return ''
      }
    }
    case 'hog-memory': {
      let held: Buffer | null = Buffer.alloc(action.bytes, 1)
      return () => {
        held = null
        return held === null ? '' : 'still held'
      }
    }
    default:
      throw new Error(`${action.kind} is no fault of a process`)
  }
}

/** Tells a process from a later one with the same pid. Null: there is none, or this system does not tell. */
function startTimeOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
