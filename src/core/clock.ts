/** Time as a port: policy gets numbers, shells get a clock, tests turn it by hand. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
  /** Never goes back; milliseconds from an arbitrary start. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
