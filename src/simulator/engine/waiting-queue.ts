import type { RequestTable } from '../request-table.ts'

/** Requests that wait for a place in the batch, the next one first. */
export interface WaitingQueue {
  readonly size: number
  /** -1 where nobody waits. */
  peek(): number
  shift(): void
  push(request: number): void
  /** Takes a preempted request back, before those that came later. */
  putBack(request: number): void
  /** Takes out one that gave up, wherever it stands. */
  remove(request: number): void
}

export const createWaitingQueue = (
  order: 'fcfs' | 'priority',
  requests: RequestTable,
): WaitingQueue => (order === 'fcfs' ? new FirstComeQueue() : new PriorityQueue(requests))

/** A ring that grows. */
class FirstComeQueue implements WaitingQueue {
  size = 0
  #ring = new Int32Array(64)
  #head = 0

  peek(): number {
    return this.size === 0 ? -1 : this.#ring[this.#head]!
  }

  shift(): void {
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.size--
  }

  push(request: number): void {
    if (this.size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.size++) & (this.#ring.length - 1)] = request
  }

  putBack(request: number): void {
    if (this.size === this.#ring.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = request
    this.size++
  }

  remove(request: number): void {
    const last = this.#ring.length - 1
    let kept = 0
    for (let at = 0; at < this.size; at++) {
      const waiting = this.#ring[(this.#head + at) & last]!
      if (waiting !== request) this.#ring[(this.#head + kept++) & last] = waiting
    }
    this.size = kept
  }

  #grow(): void {
    const ring = new Int32Array(this.#ring.length * 2)
    ring.set(this.#ring.subarray(this.#head))
    ring.set(this.#ring.subarray(0, this.#head), this.#ring.length - this.#head)
    this.#ring = ring
    this.#head = 0
  }
}

/** Lowest priority number first, then who came first. Kept with the next one last, where taking it is free. */
class PriorityQueue implements WaitingQueue {
  readonly #requests: RequestTable
  readonly #sorted: number[] = []

  constructor(requests: RequestTable) {
    this.#requests = requests
  }

  get size(): number {
    return this.#sorted.length
  }

  peek(): number {
    return this.#sorted.at(-1) ?? -1
  }

  shift(): void {
    this.#sorted.pop()
  }

  push(request: number): void {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (comesAfter(this.#requests, this.#sorted[middle]!, request)) low = middle + 1
      else high = middle
    }
    this.#sorted.splice(low, 0, request)
  }

  putBack(request: number): void {
    this.push(request)
  }

  remove(request: number): void {
    const at = this.#sorted.indexOf(request)
    if (at >= 0) this.#sorted.splice(at, 1)
  }
}

/** Whether one request is served after another by priority, then by arrival. */
export function comesAfter(requests: RequestTable, one: number, other: number): boolean {
  const difference = requests.priority[one]! - requests.priority[other]!
  return difference === 0 ? one > other : difference > 0
}
