import type { SnapshotKey } from '../../contract/snapshot.ts'
import type { Route, RouteTable } from '../route-table.ts'
import { reject, type Rejection } from './rejection.ts'

/** `GET /v1/models`: what this key may use, a line each, so that a shell can read it. Null: no key was needed. */
export function answerModels(table: RouteTable, key: SnapshotKey | null): string {
  const routes = [...table.routes.values()].filter((route) => isOpenTo(key, route))
  const lines = routes.map((route) => JSON.stringify(describe(route))).join(',\n')
  return `{"object":"list","data":[\n${lines}\n]}\n`
}

/** `GET /v1/models/NAME`; names may hold slashes, plain or encoded. */
export function answerModel(
  table: RouteTable,
  key: SnapshotKey | null,
  name: string,
): string | Rejection {
  const route = table.routes.get(decode(name))
  if (route && isOpenTo(key, route)) return JSON.stringify(describe(route))
  return reject('gateway/unknown-model', `The model '${name.slice(0, 200)}' does not exist`, {
    param: 'model',
  })
}

const isOpenTo = (key: SnapshotKey | null, route: Route): boolean =>
  key === null || key.routes === null || key.routes.includes(route.name)

const describe = (route: Route): object => ({
  id: route.name,
  object: 'model',
  created: route.createdS,
  owned_by: 'baleen',
})

function decode(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
