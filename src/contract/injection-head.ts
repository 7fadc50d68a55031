import { z } from 'zod'
import { injectionReport } from './injection.ts'
import { outcomes } from './injection-summary.ts'
import { injectionComparison, injectionSweep } from './injection-study.ts'

const figure = z.number().nullable()

/** Whatever an injection ends with. */
export const injectionDocument = z.discriminatedUnion('kind', [
  injectionReport,
  injectionSweep,
  injectionComparison,
])
export type InjectionDocument = z.infer<typeof injectionDocument>

/** A kept injection as lists show it. */
export const injectionHead = z.object({
  id: z.string(),
  kind: z.enum(['injection-report', 'injection-sweep', 'injection-comparison']),
  startedAt: z.string(),
  /** URLs. */
  targets: z.array(z.string()),
  models: z.array(z.string()),
  seed: z.int(),
  /** Of a report; of a sweep, the rate that it found. */
  requestsPerSecond: figure,
  attainment: figure,
  ttftMsP50: figure,
  ttftMsP99: figure,
  tpotMsP50: figure,
  outcomes: z.partialRecord(z.enum(outcomes), z.int()),
  isTrustworthy: z.boolean(),
  /** In words, where figures alone don't tell. */
  result: z.string(),
})
export type InjectionHead = z.infer<typeof injectionHead>

export const injectionList = z.object({ injections: z.array(injectionHead) })

/** Names are made by the injector: a time and a suffix. */
export const injectionId = z.string().regex(/^[\w-]{1,64}$/)
