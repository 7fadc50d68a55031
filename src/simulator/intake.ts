import { AppError } from '../core/errors.ts'
import type { RequestTable } from './request-table.ts'
import type { Workload, WorkloadRequest } from './workload.ts'

/** Where requests come from: the workload in its order, and those that wait for another one to end. */
export class Intake {
  /** When the next one comes by itself; Infinity: no more do. */
  nextMs = Number.NEGATIVE_INFINITY
  readonly #source: Iterator<WorkloadRequest>
  readonly #requests: RequestTable
  readonly #followers = new Map<number, number[]>()
  /** Followers of requests that had ended when they were read. */
  #late: number[] = []
  #next = -1

  constructor(workload: Workload, requests: RequestTable) {
    this.#source = workload[Symbol.iterator]()
    this.#requests = requests
    this.#pull()
  }

  /** The request that comes at `nextMs`. */
  take(): number {
    const taken = this.#next
    this.#pull()
    return taken
  }

  /** Those that come because a request has ended; when is `atMs` of each later. */
  followersOf(request: number): readonly number[] {
    const followers = this.#followers.get(request) ?? []
    this.#followers.delete(request)
    return followers
  }

  takeLate(): readonly number[] {
    const late = this.#late
    if (late.length > 0) this.#late = []
    return late
  }

  #pull(): void {
    for (;;) {
      const { value, done } = this.#source.next()
      if (done) {
        this.nextMs = Number.POSITIVE_INFINITY
        return
      }
      const id = this.#requests.add(value)
      check(value, id, value.after === undefined ? this.nextMs : 0)
      if (value.after === undefined) {
        this.#next = id
        this.nextMs = value.atMs
        return
      }
      if (!this.#requests.isOpen(value.after)) this.#late.push(id)
      else if (!this.#followers.get(value.after)?.push(id)) this.#followers.set(value.after, [id])
    }
  }
}

function check(request: WorkloadRequest, id: number, earliestMs: number): void {
  const { atMs, promptTokens, answerTokens, after } = request
  const fault =
    !Number.isFinite(atMs) || atMs < 0 || atMs < earliestMs
      ? `comes at ${atMs} ms, after one at ${earliestMs} ms`
      : !isCount(promptTokens) || !isCount(answerTokens)
        ? `has ${promptTokens} prompt and ${answerTokens} answer tokens: both are whole and at least 1`
        : after !== undefined && !(Number.isInteger(after) && after >= 0 && after < id)
          ? `follows request ${after}, which does not come before it`
          : null
  if (fault !== null)
    throw new AppError('simulation/bad-workload', {
      message: `request ${id} of the workload ${fault}`,
    })
}

const isCount = (tokens: number): boolean =>
  Number.isInteger(tokens) && tokens >= 1 && tokens <= 2 ** 30
