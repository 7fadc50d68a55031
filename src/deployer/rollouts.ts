import type { DeploymentSpec } from '../contract/deployment.ts'
import type { JournalClose } from '../contract/journal.ts'
import { toAppError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import {
  advance,
  type Move,
  type Progress,
  type RolloutCondition,
} from './policy/rollout/advance.ts'
import { createEvidence, judge, type Evidence } from './policy/rollout/judge.ts'
import { note } from './policy/rollout/tally.ts'

/** Where the progress of rollouts is kept. Each may throw: it is called again. */
export interface RolloutLedger {
  setProgress(name: string, revision: number, progress: Progress): Promise<void>
  promote(name: string, revision: number, reason: string): Promise<void>
  rollBack(name: string, revision: number, reason: string): Promise<void>
}

export interface WatchedRollout extends Omit<RolloutCondition, 'verdict' | 'requests' | 'spec'> {
  readonly deployment: DeploymentSpec
  readonly revision: number
  /** Hash of the newest spec: what was seen of another says nothing about it. */
  readonly newest: string
}

/** Moves new revisions on, and holds against the old ones what requests say of them. */
export interface Rollouts {
  /** A request that `replica` of that deployment ended, or failed. */
  note(deployment: string, newest: string, revision: 'next' | 'prev', request: Answered): void
  /** Does the next thing, once. Returns what stands in the way. */
  advance(watched: WatchedRollout): string
  /** No revision is taking over there any more. */
  forget(deployment: string): void
}

type Answered = Pick<JournalClose, 'ttftMs' | 'e2eMs' | 'holdMs' | 'itlMsMean'> & {
  readonly isFailed: boolean
}

export function createRollouts(ledger: RolloutLedger, log: Log): Rollouts {
  const evidence = new Map<string, Evidence & { readonly newest: string }>()
  /** What is being written: nothing else is decided there meanwhile. */
  const pending = new Set<string>()

  const evidenceOf = (deployment: string, newest: string): Evidence => {
    const known = evidence.get(deployment)
    if (known?.newest === newest) return known
    const fresh = { newest, ...createEvidence() }
    evidence.set(deployment, fresh)
    return fresh
  }

  const carryOut = async (name: string, revision: number, move: Move): Promise<void> => {
    try {
      if (move.kind === 'progress') await ledger.setProgress(name, revision, move.progress)
      if (move.kind === 'promote') await ledger.promote(name, revision, move.reason)
      if (move.kind === 'roll-back') await ledger.rollBack(name, revision, move.reason)
      const facts = { deployment: name, revision, reason: move.reason }
      if (move.kind === 'roll-back') log.warn(facts, 'rolled back')
      else log.info(facts, move.kind === 'promote' ? 'promoted' : 'rollout goes on')
    } catch (thrown) {
      log.error({ deployment: name }, `the rollout waits: ${toAppError(thrown).message}`)
    } finally {
      pending.delete(name)
    }
  }

  return {
    note(deployment, newest, revision, { isFailed, ttftMs, e2eMs, holdMs, itlMsMean }) {
      note(evidenceOf(deployment, newest)[revision], {
        isFailed,
        // Waiting for a replica is no fault of the one that answers.
        ttftMs: ttftMs === null ? null : ttftMs - holdMs,
        tpotMs: itlMsMean,
        e2eMs: e2eMs - holdMs,
      })
    },
    advance({ deployment, revision, newest, ...watched }) {
      const { name, rollout, slo } = deployment
      const seen = evidenceOf(name, newest)
      const move = advance({
        ...watched,
        spec: rollout,
        verdict: judge(seen, rollout.gate, slo),
        requests: seen.next.requests,
      })
      if (move.kind === 'wait' || pending.has(name)) return move.reason
      pending.add(name)
      void carryOut(name, revision, move)
      return move.reason
    },
    forget(deployment) {
      evidence.delete(deployment)
    },
  }
}
