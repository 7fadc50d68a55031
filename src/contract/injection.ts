import { z } from 'zod'
import { injectionSpec } from './injection-spec.ts'
import { figure, injectionSummary, metricSummary, outcomes } from './injection-summary.ts'

/** One second of a run. */
const injectionSecond = z.object({
  second: z.int(),
  scheduled: z.int(),
  handed: z.int(),
  completed: z.int(),
  failed: z.int(),
  inFlight: z.number(),
  outputTokens: z.number(),
  ttftMsP50: figure,
  ttftMsP99: figure,
  tpotMsP50: figure,
})
export type InjectionSecond = z.infer<typeof injectionSecond>

const faultRecord = z.object({
  name: z.string(),
  action: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  isUndone: z.boolean(),
  /** Requests that failed or missed the SLO between the onset and the recovery. */
  lost: z.int(),
  /** How they were lost; `slow`: answered, but outside the SLO. */
  lostBy: z.partialRecord(z.enum([...outcomes, 'slow']), z.int()).default({}),
  /** Share of good requests before the onset, and between onset and recovery. */
  attainmentBefore: figure.default(null),
  attainmentDuring: figure.default(null),
  /** From the onset to the first failure that users saw; null: they saw none. */
  detectedAfterMs: figure,
  /** From the onset until attainment held its target again for the recovery time; null: not within the run. */
  recoveredAfterMs: figure,
  note: z.string(),
})
export type FaultRecord = z.infer<typeof faultRecord>

export const injectionReport = z.object({
  kind: z.literal('injection-report'),
  version: z.literal(1),
  id: z.string(),
  startedAt: z.string(),
  spec: injectionSpec,
  /** Milliseconds from the start: requests intended here are measured. */
  window: z.object({ fromMs: z.number(), toMs: z.number() }),
  stoppedBy: z.enum(['schedule', 'tokens', 'cost', 'interrupt']),
  client: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  summary: injectionSummary,
  /** Of a mix, model by model; empty where there is one. */
  models: z
    .array(
      z.object({
        name: z.string(),
        requests: z.int(),
        failed: z.int(),
        requestsPerSecond: z.number(),
        outputTokensPerSecond: z.number(),
        attainment: figure,
        ttftMs: metricSummary,
        tpotMs: metricSummary,
      }),
    )
    .default([]),
  /** Conversations and agents as a whole; null: every request stood alone. */
  sessions: z
    .object({
      begun: z.int(),
      /** Every call was answered. */
      whole: z.int(),
      /** A call failed; what is neither was cut short by the end of the run. */
      failed: z.int().default(0),
      /** From the first call to the last answer, of the whole ones. */
      durationMs: metricSummary,
    })
    .nullable()
    .default(null),
  series: z.array(injectionSecond),
  faults: z.array(faultRecord),
})
export type InjectionReport = z.infer<typeof injectionReport>
