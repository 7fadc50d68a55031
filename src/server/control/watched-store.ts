import { toAppError } from '../../core/errors.ts'
import { guarded, type Guard } from '../../store/queries/queries.ts'
import type { Store } from '../../store/store.ts'

/** The same store, with somebody told of every call that fails. */
export function watchStore(store: Store, onFailure: (code: string) => void): Store {
  const guard: Guard = async (call) => {
    try {
      return await call()
    } catch (thrown) {
      onFailure(toAppError(thrown).code)
      throw thrown
    }
  }
  return {
    kind: store.kind,
    deployments: guarded(store.deployments, guard),
    nodes: guarded(store.nodes, guard),
    keys: guarded(store.keys, guard),
    requests: guarded(store.requests, guard),
    injections: guarded(store.injections, guard),
    close: () => store.close(),
  }
}
