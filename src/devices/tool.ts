import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a vendor's tool. Null: it is not there, refuses, or hangs as tools do when their driver does. */
export type RunTool = (argv: readonly string[]) => Promise<string | null>

const timeoutMs = 10_000
const run = promisify(execFile)

export const runTool: RunTool = async ([command = '', ...rest]) => {
  try {
    const { stdout } = await run(command, rest, { timeout: timeoutMs, maxBuffer: 2 ** 24 })
    return stdout
  } catch {
    return null
  }
}

/** What tools print where they have nothing to say: `N/A`, `[Not Supported]`, `[Unknown Error]`. */
export function figure(text: string | undefined): number | null {
  const value = Number.parseFloat(text ?? '')
  return Number.isFinite(value) ? value : null
}
