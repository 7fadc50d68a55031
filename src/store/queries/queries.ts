import type { Store } from '../store.ts'
import { createWrite, type Database } from './database.ts'
import { createDeploymentQueries } from './deployments.ts'
import { createInjectionQueries } from './injections.ts'
import { createKeyQueries } from './keys.ts'
import { createNodeQueries } from './nodes.ts'
import { createRequestQueries } from './requests.ts'

/** Runs one call of the store and turns what the driver throws into coded errors. */
export type Guard = <Result>(call: () => Promise<Result>) => Promise<Result>

/** All queries, each call through the guard of its database. */
export function createQueries(db: Database, guard: Guard): Omit<Store, 'kind' | 'close'> {
  const write = createWrite(db)
  return {
    deployments: guarded(createDeploymentQueries(db, write), guard),
    nodes: guarded(createNodeQueries(db, write), guard),
    keys: guarded(createKeyQueries(db, write), guard),
    requests: guarded(createRequestQueries(db, write), guard),
    injections: guarded(createInjectionQueries(db, write), guard),
  }
}

type Calls<Queries> = {
  [Name in keyof Queries]: (...input: never[]) => Promise<unknown>
}

export function guarded<Queries extends Calls<Queries>>(queries: Queries, guard: Guard): Queries {
  const entries = Object.entries<(...input: never[]) => Promise<unknown>>(queries)
  return Object.fromEntries(
    entries.map(([name, call]) => [name, (...input: never[]) => guard(() => call(...input))]),
  ) as Queries
}
