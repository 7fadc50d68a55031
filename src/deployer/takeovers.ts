import type { JournalClose } from '../contract/journal.ts'
import type { Clock } from '../core/clock.ts'
import type { Conditions, Known } from './conditions.ts'
import { isReady, type Replica } from './policy/replica.ts'
import type { Rollouts } from './rollouts.ts'

/** New revisions that take over: what requests say of them, and the next step of each. */
export interface Takeovers {
  /** A request has ended: it tells how the revision that answered does, and those that failed it. */
  note(request: JournalClose): void
  advance(known: readonly Known[]): void
}

export function createTakeovers(deps: {
  readonly rollouts: Rollouts
  readonly clock: Clock
  readonly conditions: Pick<Conditions, 'sideOf' | 'setProgress'>
}): Takeovers {
  const { rollouts, clock, conditions } = deps
  const note = (deployment: string, id: string, request: JournalClose, isFailed: boolean): void => {
    const side = conditions.sideOf(deployment, id)
    if (side) rollouts.note(deployment, side.newest, side.revision, { ...request, isFailed })
  }

  return {
    note(request) {
      const { replica, deployment, outcome, failedOn = [], prefill } = request
      if (deployment === null) return
      const isAnswered = outcome === 'ok' || outcome === 'failed' || outcome === 'timeout'
      if (isAnswered && replica !== null) note(deployment, replica, request, outcome !== 'ok')
      for (const id of failedOn)
        if (id !== replica || outcome === 'ok') note(deployment, id, request, true)
      if (!prefill || prefill.deployment === null) return
      // Whoever read the prompt has its part in how soon the answer began.
      const isRead = prefill.replica !== null && isAnswered
      if (isRead) note(prefill.deployment, prefill.replica!, request, outcome !== 'ok')
      for (const id of failedOn) note(prefill.deployment, id, request, true)
    },
    advance(known) {
      for (const { wanted, launch, previous, condition } of known) {
        const { spec, revision, rollout } = wanted
        const { replicas } = condition.deployment
        // What is scaled to 0 has nothing to take over from, and no launch either.
        const isKnown = launch !== null && (rollout?.from == null || previous !== null)
        if (!rollout || (replicas > 0 && !isKnown)) continue
        const newest = launch?.specHash ?? ''
        const serving = condition.replicas.filter(({ phase }) => phase === 'serving')
        const isNext = (replica: Replica): boolean => replica.specHash === newest
        const status = rollouts.advance({
          deployment: spec,
          revision,
          newest,
          replicas,
          progress: rollout,
          isSame: newest === previous?.specHash,
          hasPrevious: previous !== null,
          readyNext: serving.filter((one) => isNext(one) && isReady(one)).length,
          others: serving.filter((one) => !isNext(one)).length,
          failures: condition.restarts?.failures ?? 0,
          failureReason: condition.restarts?.reason ?? '',
          nowMs: clock.nowMs(),
        })
        conditions.setProgress(spec.name, status)
      }
    },
  }
}
