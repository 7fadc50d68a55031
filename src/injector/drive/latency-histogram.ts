import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js'

/**
 * Latencies while a run goes on, from 1 µs to an hour with three digits (HdrHistogram): those of threads and machines
 * add up without loss. Reports at the end count from the stamps themselves.
 */
export interface LatencyHistogram {
  /** NaN is left out. */
  add(valuesMs: Iterable<number>): void
  merge(other: LatencyHistogram): void
  /** Milliseconds; null without samples. */
  percentile(p: number): number | null
  readonly count: number
  encode(): string
  readonly histogram: Histogram
}

const limits = {
  lowestDiscernibleValue: 1,
  highestTrackableValue: 3.6e9,
  numberOfSignificantValueDigits: 3,
} as const

export const createLatencyHistogram = (): LatencyHistogram => wrap(build(limits))

/** Error: whatever the bytes make the library throw. */
export const decodeLatencyHistogram = (text: string): LatencyHistogram =>
  wrap(decodeFromCompressedBase64(text))

function wrap(histogram: Histogram): LatencyHistogram {
  return {
    histogram,
    get count() {
      return histogram.totalCount
    },
    add(valuesMs) {
      for (const value of valuesMs)
        if (!Number.isNaN(value))
          histogram.recordValue(
            Math.min(limits.highestTrackableValue, Math.max(1, Math.round(value * 1000))),
          )
    },
    merge: (other) => histogram.add(other.histogram as typeof histogram),
    percentile: (p) =>
      histogram.totalCount === 0 ? null : histogram.getValueAtPercentile(p * 100) / 1000,
    encode: () => encodeIntoCompressedBase64(histogram),
  }
}
