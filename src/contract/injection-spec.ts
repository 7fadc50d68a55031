import { z } from 'zod'
import { faultSpec } from './fault.ts'

/** A length in tokens, drawn once a request. */
const lengthSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('fixed'), value: z.int().min(0) }),
  z.strictObject({ kind: z.literal('uniform'), min: z.int().min(0), max: z.int().min(0) }),
  z.strictObject({
    kind: z.literal('lognormal'),
    median: z.number().positive(),
    /** Standard deviation of the logarithm. */
    sigma: z.number().min(0),
    min: z.int().min(0),
    max: z.int().min(0),
  }),
  z.strictObject({ kind: z.literal('empirical'), values: z.array(z.int().min(0)).min(1) }),
])
export type LengthSpec = z.infer<typeof lengthSpec>

const endpoints = ['chat', 'completions', 'responses', 'embeddings'] as const
export type Endpoint = (typeof endpoints)[number]

/** Which columns of a file mean what; a name missing here is looked for under its usual names. */
const columns = z.record(z.string(), z.string())

/** Everything that is needed to make the same run again. Secrets are not in it. */
export const injectionSpec = z.strictObject({
  version: z.literal(1),
  /** Base URL with its `/v1`. */
  url: z.string(),
  endpoint: z.enum(endpoints),
  models: z.array(z.strictObject({ name: z.string(), weight: z.number().positive() })).min(1),
  load: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('open'),
      /** As typed: `gamma:cv=3`. */
      arrivals: z.string(),
      ratePerS: z.number().positive(),
    }),
    z.strictObject({
      kind: z.literal('closed'),
      users: z.int().positive(),
      thinkTimeMs: z.number().min(0),
      /** Users start evenly over this time. */
      rampMs: z.number().min(0),
    }),
  ]),
  durationMs: z.number().positive(),
  /** Requests before this are sent and not counted; they are not drained either. */
  warmupMs: z.number().min(0),
  /** How long requests in flight may go on after the last one was sent. */
  graceMs: z.number().min(0),
  requestsMax: z.int().positive().nullable(),
  seed: z.int().min(0),
  workload: z.strictObject({
    inputTokens: lengthSpec,
    outputTokens: lengthSpec,
    /** Requests share one of `groups` beginnings of `tokens` tokens. */
    sharedPrefix: z
      .strictObject({ groups: z.int().positive(), tokens: z.int().positive() })
      .nullable(),
    /** Requests of one conversation, each carrying what was said before. */
    turns: z.int().min(1),
    thinkTimeMs: z.number().min(0),
    /** Of synthetic prompts: measured with a few requests before the run; null: one word is taken for one token. */
    calibration: z
      .strictObject({ wordsPerToken: z.number().positive(), templateTokens: z.number().min(0) })
      .nullable(),
    /** Of synthetic texts alone; null: the seed of the run. Times and lengths stay those of the run. */
    textSeed: z.int().min(0).nullable().default(null),
    dataset: z.strictObject({ path: z.string(), columns }).nullable(),
    /** Of `--arrivals clients`: who sends how much, and the rate of all over time. */
    clients: z
      .strictObject({ path: z.string(), ratesPath: z.string().nullable() })
      .nullable()
      .default(null),
    /** Recorded conversations or graphs of agents, taken in turn; an arrival begins one. */
    sessions: z.strictObject({ path: z.string(), columns }).nullable().default(null),
    /** What calls of a session carry on with: what this server answered, or what the recording had. */
    answers: z.enum(['live', 'recorded']).default('recorded'),
    /** Pictures before the text of a synthetic prompt, or of a text of a dataset. */
    images: z
      .strictObject({
        perRequest: z.int().positive().max(64),
        width: z.int().positive().max(8192),
        height: z.int().positive().max(8192),
      })
      .nullable()
      .default(null),
    /** Calls of a tool after the text, and what they returned. */
    toolResults: z
      .strictObject({ count: z.int().positive().max(256), tokens: lengthSpec })
      .nullable()
      .default(null),
    trace: z
      .strictObject({
        path: z.string(),
        columns,
        fromMs: z.number().min(0),
        toMs: z.number().min(0).nullable(),
      })
      .nullable(),
  }),
  request: z.strictObject({
    isStreaming: z.boolean(),
    /** Ask the server to generate exactly as many tokens as drawn. */
    ignoresEos: z.boolean(),
    temperature: z.number().nullable(),
    /** Added to every request body. */
    extraBody: z.record(z.string(), z.json()),
    /** False for servers that end a stream without `[DONE]`. */
    hasDoneMarker: z.boolean(),
  }),
  slo: z.strictObject({
    ttftMs: z.number().positive().optional(),
    tpotMs: z.number().positive().optional(),
    e2eMs: z.number().positive().optional(),
    maxStallMs: z.number().positive().optional(),
  }),
  timeouts: z.strictObject({
    connectMs: z.number().positive(),
    ttftMs: z.number().positive(),
    stallMs: z.number().positive(),
    totalMs: z.number().positive(),
  }),
  limits: z.strictObject({
    /** Above it requests are shed and counted as such, never delayed. */
    inFlightMax: z.int().positive(),
    tokensMax: z.number().positive().nullable(),
    costMax: z.number().positive().nullable(),
    inputPricePerMillion: z.number().min(0),
    outputPricePerMillion: z.number().min(0),
  }),
  /** Driver threads. */
  workers: z.int().positive(),
  faults: z.array(faultSpec),
})
export type InjectionSpec = z.infer<typeof injectionSpec>
export type Slo = InjectionSpec['slo']
