/** What can happen; the subject of an event is a request, a replica, a pool or the number of a fault. */
export const eventKinds = {
  arrival: 0,
  enqueue: 1,
  wake: 2,
  stepEnd: 3,
  transferred: 4,
  ready: 5,
  fault: 6,
  slowEnd: 7,
  heldAgain: 8,
  restart: 9,
  scale: 10,
  sample: 11,
} as const

/** Coming events by time; those of the same time in the order they were added. A binary heap in flat arrays. */
export class EventQueue {
  size = 0
  /** What `pop` took out last. */
  atMs = 0
  kind = 0
  subject = 0
  #times = new Float64Array(64)
  #orders = new Float64Array(64)
  #kinds = new Uint8Array(64)
  #subjects = new Int32Array(64)
  #added = 0

  /** Infinity where nothing comes any more. */
  get nextMs(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  add(atMs: number, kind: number, subject: number): void {
    if (this.size === this.#times.length) this.#grow()
    let at = this.size++
    const order = this.#added++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#times[parent]! <= atMs) break // an equal time was added before
      this.#move(parent, at)
      at = parent
    }
    this.#set(at, atMs, order, kind, subject)
  }

  /** Takes the next event out, into `atMs`, `kind` and `subject`. */
  pop(): void {
    this.atMs = this.#times[0]!
    this.kind = this.#kinds[0]!
    this.subject = this.#subjects[0]!
    const last = --this.size
    const time = this.#times[last]!
    const order = this.#orders[last]!
    let at = 0
    for (let child = 1; child < last; child = 2 * at + 1) {
      if (child + 1 < last && this.#isBefore(child + 1, this.#times[child]!, this.#orders[child]!))
        child++
      if (!this.#isBefore(child, time, order)) break
      this.#move(child, at)
      at = child
    }
    this.#set(at, time, order, this.#kinds[last]!, this.#subjects[last]!)
  }

  #isBefore(at: number, time: number, order: number): boolean {
    const own = this.#times[at]!
    return own < time || (own === time && this.#orders[at]! < order)
  }

  #move(from: number, to: number): void {
    this.#set(
      to,
      this.#times[from]!,
      this.#orders[from]!,
      this.#kinds[from]!,
      this.#subjects[from]!,
    )
  }

  #set(at: number, time: number, order: number, kind: number, subject: number): void {
    this.#times[at] = time
    this.#orders[at] = order
    this.#kinds[at] = kind
    this.#subjects[at] = subject
  }

  #grow(): void {
    const length = this.#times.length * 2
    const times = new Float64Array(length)
    const orders = new Float64Array(length)
    const kinds = new Uint8Array(length)
    const subjects = new Int32Array(length)
    times.set(this.#times)
    orders.set(this.#orders)
    kinds.set(this.#kinds)
    subjects.set(this.#subjects)
    this.#times = times
    this.#orders = orders
    this.#kinds = kinds
    this.#subjects = subjects
  }
}
