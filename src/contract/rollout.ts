import { z } from 'zod'
import { durationText } from './quantity.ts'

/** Requests that belong together: what they match goes to the new revision before it has any other traffic. */
export const cohortSpec = z
  .strictObject({
    /** Ids or names of API keys. */
    keys: z.array(z.string().min(1).max(128)).max(1000).default([]),
    /** Requests with this header; without values, whatever it says. */
    header: z
      .strictObject({
        name: z
          .string()
          .max(64)
          .regex(/^[a-z0-9-]+$/, 'write the name in lower-case letters, digits and dashes'),
        values: z.array(z.string().max(256)).max(100).default([]),
      })
      .nullable()
      .default(null),
    /** Share of the users, by a hash of the request's `user` or else of its key: 0 to 1. */
    users: z.number().min(0).max(1).default(0),
  })
  .refine(
    ({ keys, header, users }) => keys.length > 0 || header !== null || users > 0,
    'name keys, a header or a share of the users',
  )

const step = z.strictObject({
  /** Share of the traffic that the new revision gets, 0 to 1. 0: only the cohort. */
  share: z.number().min(0).max(1),
  /** How long it must hold before the next step. */
  bakeTime: durationText.default('1m'),
})

/** How a change takes over. */
const rolloutShape = z.strictObject({
  /** One after another. Empty: replica by replica, each new one that is ready replaces an old one. */
  steps: z.array(step).max(20).default([]),
  /** Soft launch: who gets the new revision from the first step on. Null: nobody in particular. */
  cohort: cohortSpec.nullable().default(null),
  /** Replicas that may run above what is wanted while it lasts. */
  surge: z.int().min(0).max(1000).default(1),
  /** Replicas that may be missing while it lasts: 0 keeps the promised capacity. */
  unavailable: z.int().min(0).max(1000).default(0),
  /** Requests that a new replica answers before it gets any traffic: each must bring a real token. */
  warmup: z.int().min(0).max(100).default(1),
  /** What the new revision is held against while steps last. */
  gate: z
    .strictObject({
      /** Share of failed requests that the new revision may have above the old one. */
      errors: z.number().min(0).max(1).default(0.01),
      /** How much longer the new revision may take to the first token, as a factor of the old one's. */
      slowdown: z.number().min(1).max(100).default(1.25),
      /** Certainty that is needed to call it worse, 0.5 to 1. */
      confidence: z.number().gt(0.5).lt(1).default(0.99),
      /** Requests of the new revision that each step needs. A step without so many waits for twice its time. */
      requests: z.int().min(0).max(1_000_000).default(20),
    })
    .prefault({}),
  /** Starts of the new revision that may fail in a row before it is given up. */
  failures: z.int().min(1).max(100).default(3),
  /** What happens when the gate or the starts say no. */
  onFailure: z.enum(['roll-back', 'pause']).default('roll-back'),
})

export const rolloutSpec = rolloutShape.refine(
  ({ surge, unavailable }) => surge + unavailable > 0,
  'allow a surge, or a replica that is missing: else nothing can move',
)
export type RolloutSpec = z.infer<typeof rolloutSpec>
