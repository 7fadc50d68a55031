import type { DeploymentSpec } from '../contract/deployment.ts'
import type { Engine } from '../engines/engine.ts'
import type { EndedReplica } from '../runtimes/runtime.ts'
import type { Conditions } from './conditions.ts'
import { failureText } from './failure-text.ts'
import type { ProbeAnswer, Replica } from './policy/replica.ts'
import type { Probe, Warm } from './probe.ts'

/** What replicas are asked, each in the words of its engine. */
export interface Questions {
  /** Null: no answer in time. */
  readonly probe: (replica: Replica, timeoutMs: number) => Promise<ProbeAnswer | null>
  /** Null: it brought a real token; else why not. */
  readonly warm: (replica: Replica) => Promise<string | null>
  /** Null: nobody knows how it was started. Throws `engine/unknown`. */
  readonly engineOf: (replica: Replica) => Engine | null
  /** Why its engine ended, where its log tells. */
  readonly explain: (deployment: string, ended: EndedReplica) => string | null
}

export function createQuestions(deps: {
  /** Throws `engine/unknown`. */
  engineOf(spec: DeploymentSpec): Engine
  readonly probe: Probe
  readonly warm: Warm
  conditions(): Pick<Conditions, 'launchWith' | 'specOf'>
}): Questions {
  const launchOf = ({ deployment, specHash }: Replica) =>
    deps.conditions().launchWith(deployment, specHash)

  return {
    async probe(replica, timeoutMs) {
      try {
        const known = launchOf(replica)
        if (!known) return null
        const engine = deps.engineOf(known.spec)
        return await deps.probe(engine, replica.url, known.probePath, timeoutMs)
      } catch {
        return null
      }
    },
    engineOf(replica) {
      const known = launchOf(replica)
      return known && deps.engineOf(known.spec)
    },
    async warm(replica) {
      const known = launchOf(replica)
      if (!known) return null
      const { spec } = known
      const isPaired = spec.settings.role !== 'both'
      const beside = isPaired ? deps.engineOf(spec).pairing?.(spec)?.alone : undefined
      return deps.warm(replica.url, spec, beside)
    },
    explain(name, ended) {
      try {
        const spec = deps.conditions().specOf(name)
        const failure = spec ? deps.engineOf(spec).explainFailure(ended) : null
        return failure && failureText(failure)
      } catch {
        return null // its engine is not known yet, or no longer
      }
    },
  }
}
