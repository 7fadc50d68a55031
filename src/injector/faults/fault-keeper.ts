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
const made = new Map<number, Promise<MadeFault>>()
const tell = (report: KeeperReport) => process.stdout.write(`${JSON.stringify(report)}\n`)
// The reader may be gone; what was broken has to be mended all the same.
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => void apply(JSON.parse(line) as KeeperCommand))
lines.on('close', end)

async function apply({ id, action, forMs }: KeeperCommand): Promise<void> {
  const planned: Undo[] = []
  const making = makeFault(action, (undo) => {
    planned.push(undo)
    written?.add(id, undo)
  })
  made.set(id, making)
  try {
    await making
    tell({ id, did: 'applied', note: '' })
  } catch (thrown) {
    made.delete(id)
    // It may have been made in part.
    for (const undo of planned) await attempt(() => mend(undo))
    written?.remove(id)
    tell({ id, did: 'failed', note: (thrown as Error).message })
    return
  }
  setTimeout(() => void undo(id), forMs)
}

async function undo(id: number): Promise<void> {
  const fault = made.get(id)
  if (!fault) return
  made.delete(id)
  try {
    tell({ id, did: 'undone', note: await (await fault).end() })
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
