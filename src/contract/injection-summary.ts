import { z } from 'zod'

/** Exactly one of these is what became of a request. */
export const outcomes = [
  'ok',
  'http_4xx',
  '429',
  'http_5xx',
  '503',
  'connect',
  'reset',
  'timeout_connect',
  'timeout_ttft',
  'timeout_stall',
  'timeout_total',
  'sse_error',
  'truncated',
  'malformed',
  'cancelled_by_plan',
  'unfinished_at_cutoff',
  'shed_by_client',
] as const
export type Outcome = (typeof outcomes)[number]

const percentile = z.enum(['p50', 'p90', 'p95', 'p99'])
export type Percentile = z.infer<typeof percentile>
/** Null: nothing was measured. */
export const figure = z.number().nullable()

export const metricSummary = z.object({
  count: z.int(),
  mean: figure,
  p50: figure,
  p90: figure,
  p95: figure,
  p99: figure,
  max: figure,
  /** Percentiles with too few samples: the value stands for "at least", with 99 % confidence. */
  atLeast: z.array(percentile),
  /** What the true percentile does not exceed, with 99 % confidence. */
  upperBounds: z.partialRecord(percentile, figure),
})
export type MetricSummary = z.infer<typeof metricSummary>

const validity = z.object({
  /** False: one of `problems` makes the figures those of the client or the machine, not of the server. */
  isTrustworthy: z.boolean(),
  problems: z.array(z.string()),
  /** What a reader should know and what makes no figure wrong. */
  notes: z.array(z.string()),
  /** Requests handed to a socket over requests scheduled. */
  achievedOverOffered: figure,
  /** Socket hand-over after the intended arrival. */
  clientDelayMs: z.object({ p50: figure, p99: figure, max: figure }),
  /** |L − λW| / L over the whole run. */
  littleError: figure,
  /** Scheduled = sum of outcomes. */
  isConserved: z.boolean(),
  tokens: z.object({
    source: z.enum(['usage', 'tokenize', 'mixed', 'none']),
    /** Answered requests whose number of tokens nobody knows. */
    unknown: z.int(),
    /** |sum of usage − change of the server's counter| over the counter; null where there is no counter. */
    counterError: figure,
  }),
  /** Of the threads that send and stamp; the lowest of them. */
  priority: z.enum(['ordinary', 'raised', 'real-time']),
  /** Share of one core used by the busiest driver thread. */
  clientCpuShare: figure,
  /** Processor time of all threads that pace, send and stamp. */
  clientCpuMs: figure,
  eventLoopDelayMsP99: figure,
  /** Wall clock against monotonic clock over the run. */
  clockDriftMs: figure,
  /** Time the host took away from this machine, as a share; null where the system does not tell. */
  stealShare: figure,
  /** Requests without a first token are not in the percentiles of TTFT; attainment counts them as missed. */
  withoutFirstToken: z.int(),
})
export type Validity = z.infer<typeof validity>

const steadyState = z.object({
  verdict: z.enum(['steady', 'no steady state', 'too short']),
  reason: z.string(),
  /** End of the start-up, milliseconds from the start of the run. */
  fromMs: figure,
  isSaturated: z.boolean(),
})
export type SteadyState = z.infer<typeof steadyState>

export const injectionSummary = z.object({
  ttftMs: metricSummary,
  ttftServiceMs: metricSummary,
  tpotMs: metricSummary,
  iclMs: metricSummary,
  e2eMs: metricSummary,
  e2eServiceMs: metricSummary,
  /** Longest gap of each request. */
  maxStallMs: metricSummary,
  /** Tokens of a prompt and of an answer, of those answered; null in reports of older versions. */
  promptTokens: metricSummary.nullable().default(null),
  outputTokens: metricSummary.nullable().default(null),
  /** Content events over tokens: below 0.95 gaps are between events, not tokens. */
  eventCoverage: figure,
  requests: z.int(),
  requestsPerSecond: z.number(),
  offeredPerSecond: z.number(),
  inputTokensPerSecond: figure,
  outputTokensPerSecond: figure,
  goodputPerSecond: z.number(),
  goodTokensPerSecond: figure,
  /** Good requests over all that were scheduled in the window. */
  attainment: figure,
  cachedTokenShare: figure,
  lengthMismatches: z.int(),
  cost: figure,
  outcomes: z.partialRecord(z.enum(outcomes), z.int()),
  validity,
  steadyState,
})
export type InjectionSummary = z.infer<typeof injectionSummary>
