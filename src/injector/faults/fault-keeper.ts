/**
 * A process of its own that breaks processes, machine and network, and mends them: when the time is over, when it is
 * told to, and when the injector is gone, however that ended. It learns of that by the end of its stdin.
 */
import { createInterface } from 'node:readline'
import type { FaultAction } from '../../contract/injection.ts'
import { createOpenFaults } from './open-faults.ts'
import { makeFault, type MadeFault } from './process-fault.ts'
import { mend, type Undo } from './undo.ts'

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

const [folder] = process.argv.slice(2)
const written = folder === undefined ? null : createOpenFaults(folder)
const made = new Map<number, MadeFault>()
const tell = (report: KeeperReport) => process.stdout.write(`${JSON.stringify(report)}\n`)
// The reader may be gone; what was broken has to be mended all the same.
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, action, forMs } = JSON.parse(line) as KeeperCommand
  const planned: Undo[] = []
  try {
    const fault = makeFault(action, (undo) => {
      planned.push(undo)
      written?.add(id, undo)
    })
    made.set(id, fault)
    tell({ id, did: 'applied', note: '' })
  } catch (thrown) {
    // It may have been made in part.
    for (const undo of planned) attempt(() => mend(undo))
    written?.remove(id)
    tell({ id, did: 'failed', note: (thrown as Error).message })
    return
  }
  setTimeout(() => undo(id), forMs)
})
lines.on('close', end)

function undo(id: number): void {
  const fault = made.get(id)
  if (!fault) return
  made.delete(id)
  try {
    tell({ id, did: 'undone', note: fault.end() })
    written?.remove(id)
  } catch (thrown) {
    // Stays written down: the next run tries again.
    tell({ id, did: 'failed', note: `not undone: ${(thrown as Error).message}` })
  }
}

function attempt(act: () => unknown): void {
  try {
    act()
  } catch {
    // What was never made can't be mended.
  }
}

function end(): void {
  for (const id of made.keys()) undo(id)
  process.exit(0)
}
