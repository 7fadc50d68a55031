import { createInterface } from 'node:readline'
import { AppError } from '../core/errors.ts'
import { usageError } from './command.ts'
import type { Io } from './io.ts'

/** Asks the person, who has to say yes. Errors: `cli/usage` where nobody can be asked, `cli/interrupted`. */
export async function confirm(question: string, io: Io): Promise<boolean> {
  if (!io.stdin.isTTY)
    throw usageError('nobody can be asked here whether that is meant', 'Say it with --yes.')
  io.stderr.write(`${question} [y/N] `)
  const lines = createInterface({ input: io.stdin })
  const end = (): void => lines.close()
  io.interrupt.addEventListener('abort', end, { once: true })
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line)
    if (io.interrupt.aborted) throw new AppError('cli/interrupted', { message: 'interrupted' })
    return false
  } finally {
    io.interrupt.removeEventListener('abort', end)
    lines.close()
  }
}
