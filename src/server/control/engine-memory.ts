import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import type { InstalledEngine } from '../../engines/engine.ts'
import { replaceFile } from './replace-file.ts'

/** What programs of engines told of themselves, kept for the next control: to ask a Python engine takes its while. */
export interface EngineMemory {
  /** Null: never asked, or the file is another one since. */
  recall(program: string): InstalledEngine | null
  note(program: string, facts: InstalledEngine): void
}

const kept = z.record(
  z.string(),
  z.object({
    stamp: z.string(),
    version: z.string().nullable(),
    flags: z.array(z.string()).nullable(),
  }),
)

export function createEngineMemory(path: string): EngineMemory {
  const known = read(path)
  return {
    recall(program) {
      const one = known[program]
      if (!one || one.stamp !== stampOf(program)) return null
      return { version: one.version, flags: one.flags && new Set(one.flags) }
    },
    note(program, { version, flags }) {
      known[program] = { stamp: stampOf(program), version, flags: flags && [...flags] }
      replaceFile(path, JSON.stringify(known))
    },
  }
}

export const forgetfulMemory: EngineMemory = { recall: () => null, note: () => {} }

function read(path: string): z.infer<typeof kept> {
  try {
    return kept.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return {} // none yet, or not ours: they are asked again
  }
}

/** Changes with an installation. Empty: the program is found by PATH. */
function stampOf(program: string): string {
  const file = statSync(program, { throwIfNoEntry: false })
  return file ? `${file.mtimeMs} ${file.size}` : ''
}
