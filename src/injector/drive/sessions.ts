import type { PromptSources } from '../policy/workload/prompt.ts'
import { conversation, runSession, type SessionRun } from '../policy/workload/session.ts'

/** A session that has begun and is not over. */
export interface OpenSession {
  readonly run: SessionRun
  /** Entry of its first call, and the number of that request in the run. */
  readonly entry: number
  readonly request: number
  /** Calls that are in flight or will be; 0: it is over. */
  waiting: number
}

export interface Sessions {
  /** Every session is a single call: nothing has to be remembered. */
  readonly standAlone: boolean
  /** Null: a single call. `lap`: requests of the rounds before, where a closed loop uses the schedule again. */
  open(number: number, entry: number, lap: number): OpenSession | null
  /** Number of the first request of a session. */
  firstRequest(number: number): number
}

export function createSessions({ spec, schedule, sessions }: PromptSources): Sessions {
  const { turns, thinkTimeMs, answers } = spec.workload
  const { sessionStarts, timesMs } = schedule
  const count = sessionStarts.length - 1
  const same = conversation(turns, thinkTimeMs)
  const standAlone = sessions === null && turns === 1
  return {
    standAlone,
    open(number, entry, lap) {
      if (standAlone) return null
      const session = sessions?.[(number % count) % sessions.length] ?? same
      const run = runSession(session, answers === 'recorded')
      return { run, entry, request: lap + entry, waiting: 0 }
    },
    firstRequest: (number) =>
      Math.floor(number / count) * timesMs.length + sessionStarts[number % count]!,
  }
}
