/**
 * A process of its own that breaks processes, machine and network, and mends them: when the time is over, when it is
 * told to, and when the injector is gone, however that ended. It learns of that by the end of its stdin.
 */
import { createInterface } from 'node:readline'
import { createOpenFaults } from './open-faults.ts'
import { makeFault, type MadeFault, type ReadyAction } from './process-fault.ts'
import { mend, type Undo } from './undo.ts'

export interface KeeperCommand {
  readonly id: number
  readonly action: ReadyAction
  readonly forMs: number
}

export interface KeeperReport {
  readonly id: number
  readonly did: 'applied' | 'undone' | 'failed'
  readonly note: string
}

const [folder] = process.argv.slice(2)
const written = folder === undefined ? null : createOpenFaults(folder)
const made = new Map<number, Promise<MadeFault | null>>()
const tell = (report: KeeperReport) => process.stdout.write(`${JSON.stringify(report)}\n`)
// The reader may be gone; what was broken has to be mended all the same.
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const command = JSON.parse(line) as KeeperCommand
  made.set(command.id, apply(command))
})
lines.on('close', end)

/** Null: it could not be made. */
async function apply({ id, action, forMs }: KeeperCommand): Promise<MadeFault | null> {
  const planned: Undo[] = []
  try {
    const fault = await makeFault(action, (undo) => {
      planned.push(undo)
      written?.add(id, undo)
    })
    tell({ id, did: 'applied', note: '' })
    setTimeout(() => void undo(id), forMs)
    return fault
  } catch (thrown) {
    // It may have been made in part.
    for (const undo of planned) await attempt(() => mend(undo))
    written?.remove(id)
    tell({ id, did: 'failed', note: (thrown as Error).message })
    return null
  }
}

async function undo(id: number): Promise<void> {
  const making = made.get(id)
  made.delete(id)
  try {
    const fault = await making
    if (!fault) return
    tell({ id, did: 'undone', note: await fault.end() })
    written?.remove(id)
  } catch (thrown) {
    // Stays written down: the next run tries again.
    tell({ id, did: 'failed', note: `not undone: ${(thrown as Error).message}` })
  }
}

async function attempt(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch {
    // What was never made can't be mended.
  }
}

function end(): void {
  void Promise.all([...made.keys()].map(undo)).then(() => process.exit(0))
}
