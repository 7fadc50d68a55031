import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { EngineSettings } from '../../contract/engine-settings.ts'
import type { Replica } from './replica.ts'

export type Adapter = EngineSettings['lora']['adapters'][number]

/** What clients write as the model, for each adapter of the settings. */
export const adapterNamesOf = ({ settings }: DeploymentSpec): readonly string[] =>
  settings.lora.adapters.map(({ name }) => name)

export type AdapterStep =
  | { readonly kind: 'load'; readonly adapter: Adapter }
  | { readonly kind: 'unload'; readonly name: string }

/** The next thing to tell a replica. What goes makes room first. Null: it has what is wanted. */
export function nextStep(
  wanted: readonly Adapter[],
  taken: ReadonlyMap<string, string>,
): AdapterStep | null {
  const paths = new Map(wanted.map(({ name, path }) => [name, path]))
  for (const [name, path] of taken) if (paths.get(name) !== path) return { kind: 'unload', name }
  const adapter = wanted.find(({ name }) => !taken.has(name))
  return adapter ? { kind: 'load', adapter } : null
}

/** A revision whose replicas may be there. */
export interface AdaptedRevision {
  readonly spec: DeploymentSpec
  /** Null: not known yet. */
  readonly specHash: string | null
  /** What its engine calls an adapter. Null: it knows none by name. */
  readonly nameOf: ((adapter: string) => string) | null
  /** Replicas take them while they run; else they come with the start. */
  readonly areTaken: boolean
}

/** Which adapters a deployment offers, and what each of its replicas calls them. */
export interface OfferedAdapters {
  readonly names: readonly string[]
  /** Null: the replica does not know it. */
  servedName(adapter: string, replica: Replica): string | null
}

/** `hasTaken`: the replica was told of it, and has it. */
export function offeredAdapters(
  newest: AdaptedRevision,
  previous: AdaptedRevision | null,
  hasTaken: (replica: string, adapter: string) => boolean,
): OfferedAdapters {
  const revisions = [newest, ...(previous ? [previous] : [])]
  const namesOf = ({ spec, nameOf }: AdaptedRevision): readonly string[] =>
    nameOf ? adapterNamesOf(spec) : []
  return {
    names: [...new Set(revisions.flatMap(namesOf))],
    servedName(adapter, { id, specHash }) {
      // Until the newest hash is known, what runs stands in for it.
      const known =
        newest.specHash === null
          ? newest
          : revisions.find((revision) => revision.specHash === specHash)
      if (!known?.nameOf || !adapterNamesOf(known.spec).includes(adapter)) return null
      return known.areTaken && !hasTaken(id, adapter) ? null : known.nameOf(adapter)
    },
  }
}
