import type { Scenario } from '../../contract/scenario.ts'
import { completeSpec } from '../../injector/policy/default-spec.ts'
import { parseLength } from '../../injector/policy/workload/lengths.ts'
import {
  buildSchedule,
  type Recording,
  type Schedule,
} from '../../injector/policy/workload/schedule.ts'
import type { WorkloadRequest } from '../workload.ts'

/** Tokens that one hash stands for: those of Mooncake's traces are of 512, our own of a vLLM block. */
export const hashTokensOf = (recording: Recording | null): number =>
  recording?.prefixBlocks ? 512 : ownHashTokens

const ownHashTokens = 16

/**
 * The requests that an injection with this workload would send. Errors: `injection/bad-spec` for lengths and arrivals
 * that can't be read.
 */
export function scenarioWorkload(
  { workload, seed }: Pick<Scenario, 'workload' | 'seed'>,
  recording: Recording | null,
): WorkloadRequest[] {
  const { users, rate = 1, think, turns, sharedPrefix, requests } = workload
  const { arrivals = recording ? 'trace' : 'poisson' } = workload
  const spec = completeSpec({
    seed,
    durationMs: workload.duration ?? (recording ? Number.POSITIVE_INFINITY : 60_000),
    requestsMax: requests ?? null,
    load: users
      ? { kind: 'closed', users, thinkTimeMs: think, rampMs: 0 }
      : { kind: 'open', arrivals, ratePerS: rate },
    workload: {
      inputTokens: parseLength(workload.inputTokens),
      outputTokens: parseLength(workload.outputTokens),
      sharedPrefix: sharedPrefix ?? null,
      turns,
      thinkTimeMs: think,
    },
  })
  const schedule = buildSchedule(spec, recording ? { recording } : {})
  return users ? inRounds(schedule, users, workload) : inSessions(schedule, workload, recording)
}

type Shape = Scenario['workload']

function inSessions(
  schedule: Schedule,
  shape: Shape,
  recording: Recording | null,
): WorkloadRequest[] {
  const { timesMs, inputTokens, outputTokens, prefixGroups, rows } = schedule
  const { turns } = shape
  const requests: WorkloadRequest[] = []
  for (let first = 0; first < timesMs.length; first += turns) {
    let said = prefixGroups[first]! < 0 ? 0 : (shape.sharedPrefix?.tokens ?? 0)
    for (let at = first; at < first + turns; at++) {
      const isFirst = at === first
      const promptTokens = Math.max(1, said + inputTokens[at]!)
      const answerTokens = outputTokens[at]!
      said = promptTokens + answerTokens
      const blockHashes =
        recording?.prefixBlocks?.[rows[at]!] ??
        hashes(prefixGroups[first]!, shape.sharedPrefix?.tokens ?? 0, first, turns > 1 ? said : 0)
      requests.push({
        atMs: isFirst ? timesMs[first]! : shape.think,
        promptTokens,
        answerTokens,
        session: first / turns,
        blockHashes,
        ...(isFirst ? {} : { after: requests.length - 1 }),
      })
    }
  }
  return requests
}

/** A closed loop: the sessions of a user follow one another, each when the one before has ended. */
function inRounds(schedule: Schedule, users: number, shape: Shape): WorkloadRequest[] {
  const { turns } = shape
  const atOnce = { ...schedule, timesMs: schedule.timesMs.map(() => 0) }
  return inSessions(atOnce, shape, null).map((request) => {
    const before = request.session! - users
    if (request.after !== undefined || before < 0) return request
    return { ...request, after: (before + 1) * turns - 1, atMs: shape.think }
  })
}

/** A beginning that its group shares, then what only this conversation has said. */
function hashes(group: number, groupTokens: number, session: number, said: number): number[] {
  const shared = group < 0 ? 0 : Math.floor(groupTokens / ownHashTokens)
  const own = Math.floor(said / ownHashTokens)
  return [
    ...Array.from({ length: shared }, (_, at) => group * spread + at),
    ...Array.from(
      { length: Math.max(0, own - shared) },
      (_, at) => (sessions + session) * spread + at,
    ),
  ]
}

/** Hashes of one group or session lie this far from those of the next. */
const spread = 2 ** 17
const sessions = 2 ** 20
