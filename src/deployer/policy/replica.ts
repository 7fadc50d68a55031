import { formatDurationMs } from '../../core/units.ts'

/** One engine instance as control knows it. */
export interface Replica {
  readonly id: string
  readonly deployment: string
  readonly revision: number
  readonly specHash: string
  readonly pid: number | null
  readonly url: string
  readonly startedAtMs: number
  /** Null: not placed yet, or where there is only one place. */
  readonly node: string | null
  /** Ids of the devices that it holds. */
  readonly devices: readonly string[]
  /** Whether it has brought a token of its own. Null: it was found running, and is so if it is ready. */
  readonly isWarm: boolean | null
  /**
   * `leaving`: no longer in the snapshot, gateways are given time to notice. `stopping`: told to end. `lost`: on a node
   * that can't be reached; it may go on there unseen.
   */
  readonly phase: 'serving' | 'leaving' | 'stopping' | 'lost'
  readonly phaseSinceMs: number
  /** `silent`: it was ready and has missed probes since. */
  readonly health: 'loading' | 'ready' | 'silent' | 'failed'
  readonly healthSinceMs: number
  /** When a probe was last answered, or the replica first seen. */
  readonly answeredAtMs: number
  readonly missedProbes: number
  /** What its runtime says keeps its engine from being started. Null: nothing, it can be asked. */
  readonly waiting: string | null
  /** What its state means for a person. */
  readonly reason: string
}

/** What an engine said of itself. */
export interface ProbeAnswer {
  readonly state: 'loading' | 'ready' | 'failed'
  readonly reason: string
}

/** Probes that may go unanswered before requests go elsewhere: a busy machine may miss one. */
const missedProbesMax = 3
/** Silence after which a replica is given up. */
const silenceMs = 20_000

export const firstSeen = (
  running: Pick<
    Replica,
    'id' | 'deployment' | 'revision' | 'specHash' | 'pid' | 'url' | 'startedAtMs'
  > &
    Partial<Pick<Replica, 'node' | 'devices' | 'isWarm' | 'waiting'>>,
  reason: string,
  nowMs: number,
): Replica => ({
  node: null,
  devices: [],
  isWarm: null,
  waiting: null,
  ...running,
  phase: 'serving',
  phaseSinceMs: nowMs,
  health: 'loading',
  healthSinceMs: nowMs,
  answeredAtMs: nowMs,
  missedProbes: 0,
  reason: running.waiting ?? reason,
})

/** What its runtime says of one, which may know more than when it was started, or something else. */
interface Sight {
  readonly url: string
  readonly node: string | null
  readonly devices: readonly string[]
  readonly waiting: string | null
}

/**
 * After one look at what its runtime says; the same object where that is nothing new. One that has another address, that is
 * silent and has to wait, or that was lost and is elsewhere now, was started anew in its place: it loads.
 */
export function withSight(replica: Replica, seen: Sight, nowMs: number): Replica {
  const { url, node, devices, waiting } = seen
  const isMoved = node !== null && node !== replica.node
  const place = isMoved ? { node, ...(devices.length > 0 ? { devices } : {}) } : {}
  const isBack = replica.phase === 'lost' && isMoved
  if (replica.phase !== 'serving' && !isBack) return isMoved ? { ...replica, ...place } : replica
  const isAnew =
    isBack ||
    (replica.url !== '' && url !== replica.url) ||
    (replica.health === 'silent' && waiting !== null)
  if (isAnew)
    return {
      ...replica,
      ...place,
      url,
      phase: 'serving',
      phaseSinceMs: isBack ? nowMs : replica.phaseSinceMs,
      health: 'loading',
      healthSinceMs: nowMs,
      answeredAtMs: nowMs,
      missedProbes: 0,
      isWarm: false,
      waiting,
      reason: waiting ?? 'started anew',
    }
  const isOtherwise = waiting !== replica.waiting && replica.health === 'loading'
  if (url === replica.url && !isMoved && !isOtherwise) return replica
  return {
    ...replica,
    ...place,
    url,
    // The time that it may load begins when nothing keeps it from starting any more.
    ...(isOtherwise ? { waiting, reason: waiting ?? 'starting', healthSinceMs: nowMs } : {}),
  }
}

/** After one probe. Null: no answer. */
export function withProbe(replica: Replica, answer: ProbeAnswer | null, nowMs: number): Replica {
  const probed: Replica = answer
    ? { ...replica, answeredAtMs: nowMs, missedProbes: 0, reason: answer.reason }
    : { ...replica, missedProbes: replica.missedProbes + 1 }
  const health = answer?.state ?? healthAfterSilence(probed)
  if (health === replica.health) return probed
  const reason = answer ? answer.reason : 'does not answer'
  return { ...probed, health, healthSinceMs: nowMs, reason }
}

export const isReady = (replica: Replica): boolean =>
  replica.phase === 'serving' && replica.health === 'ready'

/** Why the replica must be replaced. Null: it need not. */
export function failureOf(replica: Replica, loadTimeoutMs: number, nowMs: number): string | null {
  if (replica.health === 'failed') return replica.reason
  const silentMs = nowMs - replica.answeredAtMs
  if (replica.health === 'silent' && silentMs >= silenceMs)
    return `no answer for ${formatDurationMs(silentMs)}`
  const isLoading = replica.health === 'loading' && replica.waiting === null
  if (isLoading && nowMs - replica.healthSinceMs >= loadTimeoutMs)
    return `not ready after ${formatDurationMs(loadTimeoutMs)}: ${replica.reason}`
  return null
}

/** One that never was ready may be silent as long as its model may load. */
const healthAfterSilence = (replica: Replica): Replica['health'] =>
  replica.health === 'ready' && replica.missedProbes >= missedProbesMax ? 'silent' : replica.health
