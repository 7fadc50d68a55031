import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { LaunchPlan } from '../engines/engine.ts'

/**
 * Values of the secrets that a plan names, for runtimes on this machine: `secrets/NAME`, or `secrets/NAME/KEY` for one
 * of several, in the data directory. Read at the last moment and handed to the engine alone.
 */
export function readSecrets(
  dataDirectory: string,
  secrets: LaunchPlan['secrets'],
): Readonly<Record<string, string>> {
  const values = Object.entries(secrets).map(([variable, { name, key }]) => {
    const path = join(dataDirectory, 'secrets', name, ...(key === null ? [] : [key]))
    try {
      if (![name, key ?? name].every((part) => /^[\w.-]+$/.test(part) && !part.startsWith('.')))
        throw new Error('it has no name that a file may have')
      return [variable, readFileSync(path, 'utf8').trimEnd()]
    } catch (thrown) {
      throw new AppError('runtime/no-secret', {
        message: `the secret for ${variable} can't be read: ${(thrown as Error).message}`,
        hint: `Write it to ${path}, readable by Baleen alone.`,
        cause: thrown,
      })
    }
  })
  return Object.fromEntries(values) as Record<string, string>
}
