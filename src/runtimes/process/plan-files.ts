import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchPlan } from '../../engines/engine.ts'

/** Small files that a plan's command names, in a directory of the replica. */
export function createPlanFiles(directory: string) {
  const pathOf = (id: string): string => join(directory, id)
  return {
    /** The words with `{files}` and `{address}` put in; files are written only where there are any. */
    write(
      id: string,
      { files, argv, env }: LaunchPlan,
      address: string,
    ): Pick<LaunchPlan, 'argv' | 'env'> {
      const folder = pathOf(id)
      if (Object.keys(files).length > 0) mkdirSync(folder, { recursive: true, mode: 0o700 })
      for (const [name, text] of Object.entries(files))
        writeFileSync(join(folder, name), text, { mode: 0o600 })
      const at = (word: string): string =>
        word.replaceAll('{files}', folder).replaceAll('{address}', address)
      return {
        argv: argv.map(at),
        env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, at(value)])),
      }
    },
    remove: (id: string): void => rmSync(pathOf(id), { recursive: true, force: true }),
  }
}
