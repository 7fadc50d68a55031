import type { DeploymentSpec } from '../../contract/deployment.ts'

export interface ConfigState {
  /** Deployments of the config file, each with a hash of its entry. Null: the file says nothing about deployments. */
  readonly entries: readonly { readonly spec: DeploymentSpec; readonly hash: string }[] | null
  /** Entries as last applied: name → hash. */
  readonly applied: ReadonlyMap<string, string>
  /** Names of the deployments that exist. */
  readonly existing: ReadonlySet<string>
  /** What a first start without any deployment gets. */
  readonly defaults: readonly { readonly spec: DeploymentSpec; readonly hash: string }[]
}

export interface ConfigPlan {
  readonly put: readonly DeploymentSpec[]
  readonly remove: readonly string[]
  /** What is applied once the plan is carried out. */
  readonly applied: readonly { readonly name: string; readonly hash: string }[]
}

/**
 * What the config file changes: entries that are new or were edited since they were last applied, and those that were
 * taken out. Anything else stands as the API left it. Null: nothing to do.
 */
export function planConfig(state: ConfigState): ConfigPlan | null {
  const { applied, existing } = state
  const isFresh = applied.size === 0 && existing.size === 0
  const entries = state.entries ?? (isFresh ? state.defaults : null)
  if (!entries) return null
  const named = new Set(entries.map(({ spec }) => spec.name))
  const put = entries.filter(({ spec, hash }) => applied.get(spec.name) !== hash)
  const takenOut = [...applied.keys()].filter((name) => !named.has(name))
  if (put.length === 0 && takenOut.length === 0) return null
  return {
    put: put.map(({ spec }) => spec),
    remove: takenOut.filter((name) => existing.has(name)),
    applied: entries.map(({ spec, hash }) => ({ name: spec.name, hash })),
  }
}
