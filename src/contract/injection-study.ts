import { z } from 'zod'
import { injectionSpec } from './injection-spec.ts'

const figure = z.number().nullable()
const interval = z.tuple([z.number(), z.number()])

/** Several runs at different rates, and what they say together. */
export const injectionSweep = z.object({
  kind: z.literal('injection-sweep'),
  version: z.literal(1),
  id: z.string(),
  startedAt: z.string(),
  spec: injectionSpec,
  target: z.number(),
  tolerance: z.number(),
  result: z.object({
    ratePerS: figure,
    interval: interval.nullable(),
    confidence: z.number(),
    certifiedPerS: figure,
    capacityPerS: figure,
    reason: z.string(),
    requests: z.int(),
  }),
  probes: z.array(
    z.object({
      ratePerS: z.number(),
      durationMs: z.number(),
      requests: z.int(),
      attainment: figure,
      goodputPerSecond: z.number(),
      completedPerSecond: z.number(),
      outputTokensPerSecond: figure,
      ttftMsP50: figure,
      ttftMsP99: figure,
      tpotMsP50: figure,
      isSaturated: z.boolean(),
      problems: z.array(z.string()),
    }),
  ),
})
export type InjectionSweep = z.infer<typeof injectionSweep>

/** Two targets on the same schedules, run ABBA. */
export const injectionComparison = z.object({
  kind: z.literal('injection-comparison'),
  version: z.literal(1),
  id: z.string(),
  startedAt: z.string(),
  a: injectionSpec,
  b: injectionSpec,
  pairs: z.int(),
  /** Not empty: the verdicts must not be used. */
  objections: z.array(z.string()),
  /** Pairs that count for nothing, and what was wrong with which of their runs. */
  leftOut: z.array(z.string()).default([]),
  metrics: z.array(
    z.object({
      name: z.string(),
      /** B against A. */
      verdict: z.enum(['better', 'worse', 'equivalent', 'no difference']),
      ratio: z.number(),
      interval,
      chance: z.number(),
      pairs: z.int(),
      values: z.array(z.object({ a: z.number(), b: z.number() })),
    }),
  ),
})
export type InjectionComparison = z.infer<typeof injectionComparison>
