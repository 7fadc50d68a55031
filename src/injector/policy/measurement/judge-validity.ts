import type { InjectionSpec } from '../../../contract/injection-spec.ts'
import type { Validity } from '../../../contract/injection-summary.ts'
import { quantile, sortSamples } from '../statistics/quantiles.ts'
import { clientDelayMs, ttftMs } from './latency.ts'
import type { RequestRecord } from './record.ts'
import type { DriverFacts, ServerCounters } from './run-facts.ts'

/** Limits beyond which the figures tell about the client. docs/guides/inject.md names them for users. */
const limits = {
  achievedMin: 0.99,
  delayMs: 5,
  /** What pacing keeps where the client gets a processor when it needs one. */
  pacingMs: 1,
  delayShareOfTtft: 0.01,
  littleError: 0.02,
  tokenError: 0.005,
  cpuShare: 0.9,
  clockDriftMs: 10,
  /** Beside it, for long runs: what a clock that is set now and then may differ by. */
  clockDriftShare: 1e-4,
  stealShare: 0.05,
  /** Of prompts that have nothing in common but what the server's template puts around them. */
  knownShare: 0.1,
  /** No template is that much of a prompt. */
  templateShareMax: 0.8,
}

/** Whether the run may be believed, and why not. `inside`: the records that are measured, without the warm-up. */
export function judgeValidity(
  spec: InjectionSpec,
  records: readonly RequestRecord[],
  inside: readonly RequestRecord[],
  facts: DriverFacts,
  counters: ServerCounters | null,
): Validity {
  const delays = sortSamples(inside.map(clientDelayMs))
  const ttft = sortSamples(inside.map(ttftMs))
  const answered = records.filter(({ outcome }) => outcome === 'ok')
  const unknown = answered.filter(
    ({ outputTokens, contentMs }) => outputTokens === null && contentMs.length > 0,
  ).length
  const sources = new Set(answered.map(({ tokenSource }) => tokenSource))
  const delayP99 = at(delays, 0.99)
  const delayLimit = Math.max(limits.delayMs, limits.delayShareOfTtft * (at(ttft, 0.5) ?? 0))
  const handed = records.filter(({ handedMs }) => !Number.isNaN(handedMs)).length
  const achieved = facts.scheduled === 0 ? null : handed / facts.scheduled
  const little = littleError(records, facts)
  const counter = counterError(records, counters)
  const lengthMs = records.reduce((last, { endedMs }) => Math.max(last, endedMs || 0), 0)
  const isConserved = records.length === facts.scheduled

  const problems: string[] = []
  const flag = (isWrong: boolean, text: () => string) => isWrong && problems.push(text())
  for (const text of facts.lost ?? [])
    problems.push(`an agent was lost, and all that it had measured: ${text}`)
  flag(facts.scheduled === 0, () => 'no request was scheduled')
  flag(!isConserved, () => `${facts.scheduled} requests scheduled, ${records.length} accounted for`)
  flag(
    achieved !== null && achieved < limits.achievedMin,
    () => `only ${percent(achieved!)} of the offered requests reached a socket`,
  )
  flag(
    delayP99 !== null && delayP99 > delayLimit,
    () =>
      `the client handed requests over late: p99 ${delayP99!.toFixed(1)} ms, limit ${delayLimit.toFixed(1)} ms`,
  )
  flag(
    little !== null && little > limits.littleError,
    () => `Little's law is off by ${percent(little!)}: requests or stamps got lost`,
  )
  flag(unknown > 0, () => `the number of tokens of ${unknown} answers is unknown`)
  flag(
    counter !== null && counter > limits.tokenError,
    () => `usage and the server's token counter differ by ${percent(counter!)}`,
  )
  flag(
    (facts.cpuShare ?? 0) > limits.cpuShare,
    () => `a driver thread used ${percent(facts.cpuShare!)} of a core: use more --workers`,
  )
  flag(
    Math.abs(facts.clockDriftMs ?? 0) > limits.clockDriftMs + limits.clockDriftShare * lengthMs,
    () =>
      `the wall clock moved by ${facts.clockDriftMs!.toFixed(1)} ms against the monotonic clock`,
  )
  flag(
    (facts.stealShare ?? 0) > limits.stealShare,
    () => `the host took ${percent(facts.stealShare!)} of the processor time away`,
  )

  const notes: string[] = []
  const known = sharesPrompts(spec) ? 0 : knownShare(inside)
  if (known > limits.knownShare)
    notes.push(
      `the server had ${percent(known)} of the prompts in its cache: was there an earlier run with seed ${spec.seed}? Another --seed makes other prompts`,
    )
  if (delayP99 !== null && delayP99 > limits.pacingMs)
    notes.push(
      `requests left up to ${delayP99.toFixed(1)} ms (p99) after their time: ` +
        ((facts.cpuShare ?? 0) > 0.5
          ? 'the driver threads had other work; use more --workers'
          : facts.priority === 'real-time'
            ? 'others had the processor, in spite of real-time priority'
            : 'no real-time priority was permitted (root or CAP_SYS_NICE), and others used the processor'),
    )

  return {
    isTrustworthy: problems.length === 0,
    problems,
    notes,
    achievedOverOffered: achieved,
    clientDelayMs: { p50: at(delays, 0.5), p99: delayP99, max: at(delays, 1) },
    littleError: little,
    isConserved,
    tokens: {
      source: sources.size > 1 ? 'mixed' : ([...sources][0] ?? 'none'),
      unknown,
      counterError: counter,
    },
    priority: facts.priority,
    clientCpuShare: facts.cpuShare,
    clientCpuMs: facts.cpuMs,
    eventLoopDelayMsP99: facts.eventLoopDelayMsP99,
    clockDriftMs: facts.clockDriftMs,
    stealShare: facts.stealShare,
    withoutFirstToken: records.filter(
      ({ outcome, contentMs }) => outcome !== 'ok' && contentMs.length === 0,
    ).length,
  }
}

/** Something was asked for that a prefix cache is meant to find again. */
const sharesPrompts = ({
  workload: { sharedPrefix, turns, dataset, sessions, trace },
}: InjectionSpec) =>
  sharedPrefix !== null || turns > 1 || dataset !== null || sessions !== null || trace !== null

/** Share of the prompt tokens that came from a cache beyond what all prompts begin with. */
function knownShare(records: readonly RequestRecord[]): number {
  const answered = records.filter(({ promptTokens }) => (promptTokens ?? 0) > 0)
  let prompt = 0
  let cached = 0
  let least = Infinity
  for (const { promptTokens, cachedTokens } of answered) {
    prompt += promptTokens!
    cached += cachedTokens ?? 0
    least = Math.min(least, cachedTokens ?? 0)
  }
  if (prompt === 0) return 0
  if (cached / prompt > limits.templateShareMax) return cached / prompt
  return (cached - least * answered.length) / prompt
}

/** L, counted while running, against λW from the stamps: equal unless something was lost. */
function littleError(records: readonly RequestRecord[], facts: DriverFacts): number | null {
  if (facts.inFlightAreaMs <= 0) return null
  let sumMs = 0
  for (const { handedMs, endedMs } of records)
    if (!Number.isNaN(handedMs) && !Number.isNaN(endedMs)) sumMs += endedMs - handedMs
  return Math.abs(facts.inFlightAreaMs - sumMs) / facts.inFlightAreaMs
}

function counterError(
  records: readonly RequestRecord[],
  counters: ServerCounters | null,
): number | null {
  const counted = counters?.outputTokens ?? 0
  // Broken-off answers count on the server and have no usage: the comparison holds only without them.
  if (counted === 0 || records.some(({ outcome }) => outcome !== 'ok')) return null
  let sum = 0
  for (const { outputTokens } of records) sum += outputTokens ?? 0
  return Math.abs(sum - counted) / counted
}

function at(sorted: Float64Array, p: number): number | null {
  return sorted.length === 0 ? null : quantile(sorted, p)
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
