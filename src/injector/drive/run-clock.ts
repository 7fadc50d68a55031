/** Milliseconds on one monotonic clock that all threads and processes of this machine share. */
export type RunClock = () => number

/** `performance.now()` counts from the start of its thread; its distance to the shared clock is taken once. */
export function createRunClock(): RunClock {
  let offsetMs = -Infinity
  // The second reading is late by whatever came between, so the largest distance is the truest.
  for (let attempt = 0; attempt < 20; attempt++) {
    const [seconds, nanoseconds] = process.hrtime()
    offsetMs = Math.max(offsetMs, seconds * 1000 + nanoseconds / 1e6 - performance.now())
  }
  return () => performance.now() + offsetMs
}
