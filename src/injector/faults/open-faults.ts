import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mend, startTimeOf, type Undo } from './undo.ts'

/** What is broken at the moment, in a file: should the keeper itself be killed, the next run mends it. */
export interface OpenFaults {
  add(id: number, undo: Undo): void
  remove(id: number): void
}

interface Entry {
  readonly id: number
  readonly undo: Undo
}

interface Content {
  /** Of the keeper. */
  readonly pid: number
  readonly startTime: string | null
  readonly entries: readonly Entry[]
}

const fileName = 'open-faults.json'

/** `folder`: of the run. */
export function createOpenFaults(folder: string): OpenFaults {
  const path = join(folder, fileName)
  let entries: Entry[] = []
  const write = () => {
    if (entries.length === 0) return rmSync(path, { force: true })
    const content: Content = { pid: process.pid, startTime: startTimeOf(process.pid), entries }
    writeFileSync(`${path}.part`, JSON.stringify(content), { mode: 0o600, flush: true })
    renameSync(`${path}.part`, path)
  }
  return {
    add(id, undo) {
      entries.push({ id, undo })
      write()
    },
    remove(id) {
      entries = entries.filter((entry) => entry.id !== id)
      write()
    },
  }
}

/** Mends what keepers that were killed have left behind in the folders of runs. Tells what it did. */
export async function mendLeftFaults(runs: string): Promise<string[]> {
  const told: string[] = []
  for (const folder of foldersOf(runs)) {
    const path = join(runs, folder, fileName)
    const content = readContent(path)
    if (content === null || startTimeOf(content.pid) === content.startTime) continue
    for (const { undo } of content.entries) {
      const what = `${undo.kind} of run ${folder}`
      try {
        told.push(`${what}: ${(await mend(undo)) || 'mended'}`)
      } catch (thrown) {
        told.push(`${what}: ${(thrown as Error).message}`)
      }
    }
    rmSync(path, { force: true })
  }
  return told
}

function foldersOf(runs: string): string[] {
  try {
    return readdirSync(runs)
  } catch {
    return []
  }
}

function readContent(path: string): Content | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Content
  } catch {
    return null
  }
}
