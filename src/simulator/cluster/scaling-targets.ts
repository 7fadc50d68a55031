import type { PoolFrame, ScalingDecision } from './autoscaler.ts'

/** What each replica should have, or nobody wait longer than; at least one. */
export interface ScalingTargets {
  /** Requests running, waiting or held, of one replica. */
  readonly inFlight?: number | undefined
  /** Requests waiting or held, of one replica. */
  readonly waiting?: number | undefined
  /** Share of its KV memory. */
  readonly kvUsage?: number | undefined
  /** Share of its time in a step. */
  readonly busy?: number | undefined
  /** Limits on the 95th percentile of the last interval. */
  readonly ttftMs?: number | undefined
  readonly tpotMs?: number | undefined
}

/** Within this of a target nothing is done: the tolerance of the Kubernetes HorizontalPodAutoscaler. */
const tolerance = 0.1
/** A latency says that there are too few, hardly how many: at most twice as many at once. */
const latencyStep = 2
/** Fewer only where the latency is far from its limit: it rises steeply once a queue forms. */
const ease = 0.5

/**
 * As many replicas as each target asks for, the largest first. Counts and shares as the HorizontalPodAutoscaler has it,
 * replicas × value ÷ target, but within the tolerance as many as there are. Latencies grow a pool by how far they are over
 * their limit once all that starts is ready, and shrink it by one below half of it.
 */
export function wishesOf(targets: ScalingTargets, frame: PoolFrame): ScalingDecision[] {
  const { ready, starting, running, waiting, held } = frame
  const now = ready + starting
  const total = (name: string, count: number, target: number | undefined) =>
    target === undefined
      ? []
      : [
          {
            replicas:
              near(count / Math.max(now, 1) / target) && now > 0 ? now : Math.ceil(count / target),
            reason: `${count} ${name}, ${target} each`,
          },
        ]
  const share = (name: string, value: number, target: number | undefined) =>
    target === undefined || ready === 0
      ? []
      : [
          {
            replicas: near(value / target) ? now : Math.ceil((ready * value) / target),
            reason: `${percent(value)} ${name}, ${percent(target)} wanted`,
          },
        ]
  const limit = (name: string, value: number | null, most: number | undefined) =>
    most === undefined || value === null ? [] : [latencyWish(name, value, most, frame)]
  return [
    ...total('in flight', running + waiting + held, targets.inFlight),
    ...total('waiting', waiting + held, targets.waiting),
    ...share('of the KV memory in use', frame.kvUsage, targets.kvUsage),
    ...share('busy', frame.utilisation, targets.busy),
    ...limit('TTFT p95', frame.ttftMsP95, targets.ttftMs),
    ...limit('TPOT p95', frame.tpotMsP95, targets.tpotMs),
  ].toSorted((a, b) => b.replicas - a.replicas)
}

const near = (ratio: number): boolean => Math.abs(ratio - 1) <= tolerance

function latencyWish(
  name: string,
  value: number,
  most: number,
  { ready, starting }: PoolFrame,
): ScalingDecision {
  const now = ready + starting
  const reason = `${name} ${milliseconds(value)}, at most ${milliseconds(most)}`
  if (value > most)
    return starting > 0
      ? { replicas: now, reason: `${reason}, but ${starting} are starting` }
      : { replicas: Math.ceil(now * Math.min(latencyStep, value / most)), reason }
  return { replicas: value < most * ease ? Math.max(1, now - 1) : now, reason }
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const milliseconds = (ms: number): string => `${Math.round(ms)} ms`
