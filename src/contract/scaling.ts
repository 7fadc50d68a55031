import { z } from 'zod'
import { durationText } from './quantity.ts'

/** Between which bounds the number of replicas may move. */
export const scalingSpec = z
  .strictObject({
    min: z.int().min(0).max(1000).default(0),
    max: z.int().min(1).max(1000).default(1),
    /** After so long without a request the last replica ends. Null: never. */
    idleToZero: durationText.nullable().default(null),
    /** How long a first request may wait for a model that has to start. */
    wakeDeadline: durationText.default('5m'),
  })
  .refine(({ min, max }) => min <= max, 'min is above max')
  .refine(({ min, idleToZero }) => min === 0 || idleToZero === null, 'idleToZero needs min: 0')

const figures = ['ttft', 'tpot', 'e2e'] as const
const statistics = ['mean', 'p50', 'p95', 'p99'] as const
type SloName = `${(typeof figures)[number]}.${(typeof statistics)[number]}`

const latencies = Object.fromEntries(
  figures.flatMap((figure) =>
    statistics.map((statistic) => [`${figure}.${statistic}`, durationText.optional()]),
  ),
) as Record<SloName, z.ZodOptional<typeof durationText>>

/** What was promised: `ttft.p95: 500ms`. */
export const sloSpec = z.strictObject({
  ...latencies,
  /** Share of requests that are answered, 0 to 1. */
  availability: z.number().min(0).max(1).optional(),
})
export type SloSpec = z.infer<typeof sloSpec>
