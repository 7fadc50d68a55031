import { z } from 'zod'

const misses = z
  .object({
    rows: z.int(),
    medianApe: z.number(),
    meanApe: z.number(),
    /** Files of before November 2026 lack it. */
    meanFactor: z.number().min(1).optional(),
  })
  .nullable()
const missesByFigure = z.object({ tpot: misses, ttft: misses, e2e: misses, throughput: misses })

const coefficients = z.record(z.string(), z.number())

/** What one engine, model, precision and device were found to do: a file of `calibrations/` in the data directory. */
export const calibrationFile = z.object({
  kind: z.literal('calibration'),
  version: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,199}$/),
  createdAt: z.string(),
  calibration: z.object({
    engine: z.string(),
    model: z.string(),
    device: z.string(),
    weights: z.string(),
    /** Of the engine; empty: whatever version. */
    version: z.string(),
    step: coefficients,
    firstToken: coefficients,
    keys: z.array(z.string()).max(200),
    covariance: z.array(z.array(z.number())).max(200),
    noise: z.object({ tpot: z.number(), ttft: z.number() }),
    deviations: z.number(),
  }),
  evidence: z.object({
    sources: z.array(z.string()),
    runs: z.int(),
    conditions: z.int(),
    before: missesByFigure,
    fitted: missesByFigure,
    heldOut: missesByFigure,
    heldOutInside: z.number(),
    moved: coefficients,
    notes: z.array(z.string()),
  }),
})
export type CalibrationFile = z.infer<typeof calibrationFile>
