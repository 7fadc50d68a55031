import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { withProbe, type ProbeAnswer, type Replica } from './policy/replica.ts'
import type { Roster } from './roster.ts'

/** Asks replicas how they are, and notes it. */
export interface Prober {
  /** All that are due. */
  probe(timeoutMs?: number): Promise<void>
  /** It is gone. */
  forget(id: string): void
}

export interface ProberDeps {
  readonly roster: Roster
  readonly clock: Clock
  readonly log: Log
  /** Null: no answer in time. */
  probe(replica: Replica, timeoutMs: number): Promise<ProbeAnswer | null>
  /** Makes it bring a real token. Null: it did; else why not. */
  warm(replica: Replica): Promise<string | null>
  /** One is otherwise than it was. */
  onChange(): void
}

const probeTimeoutMs = 5000
/** A replica that is ready is asked less often than one that is waited for. */
const readyProbeMs = 1000
/** Times that a replica may fail to bring its first token. */
const warmTriesMax = 3

export function createProber({ roster, clock, log, ...deps }: ProberDeps): Prober {
  const { replicas } = roster
  const probing = new Set<string>()
  const probedAtMs = new Map<string, number>()
  const coldTries = new Map<string, number>()

  const isDue = ({ id, phase, url, health, waiting }: Replica): boolean => {
    const sinceMs = clock.monotonicMs() - (probedAtMs.get(id) ?? -Infinity)
    const isPatient = health === 'ready' && sinceMs < readyProbeMs
    const canAnswer = url !== '' && waiting === null
    return phase === 'serving' && canAnswer && !probing.has(id) && !isPatient
  }

  /** One that says it is ready has to show it before it gets any traffic. One that was found so has shown it before. */
  const warmed = async (
    replica: Replica,
    said: ProbeAnswer | null,
  ): Promise<ProbeAnswer | null> => {
    const { id, isWarm } = replica
    if (said?.state !== 'ready' || isWarm !== false) return said
    const now = replicas.get(id)
    if (now) roster.put({ ...now, reason: 'warming up' })
    const fault = await deps.warm(replica)
    if (fault === null) return said
    const tries = (coldTries.get(id) ?? 0) + 1
    coldTries.set(id, tries)
    const reason = `brings no token: ${fault}`
    return { state: tries < warmTriesMax ? 'loading' : 'failed', reason }
  }

  const probe = async (replica: Replica, timeoutMs: number): Promise<void> => {
    const { id } = replica
    probing.add(id)
    probedAtMs.set(id, clock.monotonicMs())
    const said = await deps.probe(replica, timeoutMs)
    const answer = await warmed(replica, said)
    probing.delete(id)
    const now = replicas.get(id)
    if (now?.phase !== 'serving') return
    const isWarm = answer?.state === 'ready' || (now.isWarm ?? false)
    const probed = { ...withProbe(now, answer, clock.monotonicMs()), isWarm }
    roster.put(probed)
    if (probed.health === now.health) return
    log.info({ replica: id, health: probed.health, reason: probed.reason }, 'changed')
    deps.onChange()
  }

  return {
    async probe(timeoutMs = probeTimeoutMs) {
      const due = roster.all().filter(isDue)
      await Promise.all(due.map((replica) => probe(replica, timeoutMs)))
    },
    forget(id) {
      probedAtMs.delete(id)
      coldTries.delete(id)
    },
  }
}
