import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a vendor's tool. Null: it is not there, refuses, or hangs as tools do when their driver does. */
export type RunTool = (argv: readonly string[]) => Promise<string | null>

const timeoutMs = 10_000
/** Devices are looked at every few seconds; a driver is installed once in the life of a machine. */
const absentMs = 300_000
const absentUntilMs = new Map<string, number>()
const run = promisify(execFile)

export const runTool: RunTool = async ([command = '', ...rest]) => {
  // To fork a process of some 200 MB only to hear that there is no such file is no small thing.
  if (performance.now() < (absentUntilMs.get(command) ?? 0)) return null
  try {
    const { stdout } = await run(command, rest, { timeout: timeoutMs, maxBuffer: 2 ** 24 })
    return stdout
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT')
      absentUntilMs.set(command, performance.now() + absentMs)
    return null
  }
}

/** What tools print where they have nothing to say: `N/A`, `[Not Supported]`, `[Unknown Error]`. */
export function figure(text: string | undefined): number | null {
  const value = Number.parseFloat(text ?? '')
  return Number.isFinite(value) ? value : null
}
