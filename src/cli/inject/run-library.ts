import {
  injectionDocument,
  type InjectionDocument,
  type InjectionHead,
} from '../../contract/injection-head.ts'
import { AppError, toAppError } from '../../core/errors.ts'
import { headOf } from '../../injector/policy/head-of.ts'
import { createRunFolder, type RunFolder } from '../../injector/report/run-folder.ts'
import type { Store } from '../../store/store.ts'
import { connect, dataDirectory, readRecord, type ConnectionFlags } from '../connection.ts'
import type { Io } from '../io.ts'

/**
 * Kept injections: in the store through control where one runs, else in the store itself. Beside it each has a folder
 * on the machine that made it, for what is too large or not for a table: spec, HTML, requests, faults.
 */
export interface RunLibrary {
  readonly folder: RunFolder
  /** Null: kept. Else why the store has not got it; its folder has. */
  keep(document: InjectionDocument): Promise<string | null>
  /** Newest first. */
  list(limit: number): Promise<readonly InjectionHead[]>
  /** By name, or `last`. Error: `injection/not-found`. */
  get(id: string): Promise<InjectionDocument>
  remove(id: string): Promise<void>
}

type Shelf = Pick<Store['injections'], 'keep' | 'list' | 'get' | 'remove'>

export async function createRunLibrary(flags: ConnectionFlags, io: Io): Promise<RunLibrary> {
  const directory = await dataDirectory(flags, io)
  const folder = createRunFolder(directory)

  /** One after another: whoever opens the store has it alone. */
  let last: Promise<unknown> = Promise.resolve()
  function use<T>(act: (shelf: Shelf) => Promise<T>): Promise<T> {
    const current = last.then(() => useNow(act))
    last = current.catch(() => {})
    return current
  }

  async function useNow<T>(act: (shelf: Shelf) => Promise<T>): Promise<T> {
    const isServed =
      (flags.url ?? io.environment.url) !== undefined ||
      readRecord(directory, 'supervisor') !== null ||
      readRecord(directory, 'control') !== null
    if (isServed) {
      const control = await connect(flags, io)
      return act({
        keep: ({ document }) => control.putInjection(document),
        list: ({ limit }) => control.injections(limit),
        get: (id) => control.injection(id),
        remove: (id) => control.removeInjection(id),
      })
    }
    const { mkdirSync } = await import('node:fs')
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const { openStore } = await import('../../server/control/open-store.ts')
    const store = await openStore(directory, io.environment.databaseUrl, 0, () => {})
    try {
      return await act(store.injections)
    } finally {
      await store.close()
    }
  }

  return {
    folder,
    async keep(document) {
      try {
        await use((shelf) => shelf.keep({ head: headOf(document), document }))
        return null
      } catch (thrown) {
        return toAppError(thrown).message
      }
    },
    list: (limit) => use((shelf) => shelf.list({ limit })),
    get: (id) =>
      use(async (shelf) => {
        const name = id === 'last' ? (await shelf.list({ limit: 1 }))[0]?.id : id
        if (name === undefined)
          throw new AppError('injection/not-found', { message: 'no injection is kept yet' })
        // What older versions kept gets the fields that came since.
        return injectionDocument.parse(await shelf.get(name))
      }),
    async remove(id) {
      await use((shelf) => shelf.remove(id))
      folder.remove(id)
    },
  }
}
