import { z } from 'zod'
import { duration } from './config.ts'

/** A count of tokens or how to draw it: 128, `uniform:min=10,max=20`, `lognormal:median=500,sigma=0.8`. */
const length = z.union([z.int().min(1), z.string().min(1)]).transform(String)

/** How an engine forms its batches; what is left out is as its kind of engine has it (`deployment`), else as vLLM V1. */
const engine = z.strictObject({
  sequencesMax: z.int().min(1).max(65_536),
  batchTokens: z.int().min(1).max(10_000_000),
  contextMax: z.int().min(1),
  kvBlocks: z.int().min(1).max(50_000_000),
  blockTokens: z.int().min(1).max(1_000_000),
  hasPrefixCache: z.boolean(),
  hasChunkedPrefill: z.boolean(),
  mixing: z.enum(['mixed', 'prefill-first']),
  admission: z.enum(['continuous', 'when-empty']),
  reserve: z.enum(['chunk', 'prompt']),
  reserveAnswer: z.number().min(0).max(1),
  order: z.enum(['fcfs', 'priority']),
  stepsAhead: z.union([z.literal(0), z.literal(1)]),
  queueMax: z.int().min(0),
  requestOverheadMs: z.number().min(0),
  speculation: z
    .strictObject({ draftTokens: z.int().min(1).max(64), acceptance: z.number().min(0).max(1) })
    .nullable(),
})

/** What runs, in the words of `baleen predict`: its memory and step times come from the planner. */
const deployment = z.strictObject({
  engine: z.string().default('vllm'),
  version: z.string().default(''),
  model: z.string().min(1),
  gpu: z.string().min(1),
  gpus: z.int().min(1).default(1),
  tp: z.int().min(1).optional(),
  pp: z.int().min(1).optional(),
  dp: z.int().min(1).optional(),
  ep: z.int().min(1).optional(),
  precision: z.string().default(''),
  kvDtype: z.string().default(''),
  memoryShare: z.number().positive().max(1).optional(),
  /** Drafts, as `baleen plan --speculative` takes them; their cost is in the steps. */
  speculative: z.string().default(''),
  /** `eager`, `graphs` or `full`. */
  compile: z.string().default(''),
})

/** Step times as sums, ms. */
const step = z.strictObject({
  base: z.number().min(0),
  promptToken: z.number().min(0).default(0),
  sequence: z.number().min(0).default(0),
  contextToken: z.number().min(0).default(0),
  promptPair: z.number().min(0).default(0),
})

/**
 * Replicas follow one or more targets, the one that asks for most first; `replicas` is where a pool begins. A new one is
 * ready after `start`.
 */
const scaling = z
  .strictObject({
    /** 0: the pool may sleep, and the first request wakes it. */
    min: z.int().min(0).max(10_000).default(1),
    max: z.int().min(1).max(10_000),
    /** Requests running, waiting or held that one replica should have. */
    inFlight: z.number().positive().optional(),
    /** Requests waiting or held that one replica should have. */
    waiting: z.number().positive().optional(),
    /** Shares, 0 to 1. */
    kvUsage: z.number().positive().max(1).optional(),
    busy: z.number().positive().max(1).optional(),
    /** Limits on the p95 of the last `every`. */
    ttft: duration.optional(),
    tpot: duration.optional(),
    every: duration.prefault('15s'),
    /** More only once they have been wanted for this long. */
    upAfter: duration.prefault('0s'),
    /** Fewer only once fewer have been enough for this long. */
    downAfter: duration.prefault('5m'),
    /** After a change nothing is done for this long. */
    cooldown: duration.prefault('0s'),
    /** Most replicas to add in one decision. */
    upMost: z.int().min(1).max(10_000).default(10_000),
    /** With `min: 0`: the last replica goes once nothing has been asked for this long. */
    idleAfter: duration.prefault('5m'),
  })
  .refine(({ min, max }) => min <= max, { message: 'min is above max' })
  .refine(
    ({ inFlight, waiting, kvUsage, busy, ttft, tpot }) =>
      [inFlight, waiting, kvUsage, busy, ttft, tpot].some((target) => target !== undefined),
    { message: 'give a target: inFlight, waiting, kvUsage, busy, ttft or tpot' },
  )

const pool = z
  .strictObject({
    name: z.string().min(1).max(63).default('main'),
    replicas: z.int().min(0).max(10_000).default(1),
    weight: z.number().min(0).default(1),
    role: z.enum(['both', 'prefill', 'decode']).default('both'),
    /** From the start of a replica until it is ready; `warm` and `cold`: what the planner foresees for the deployment. */
    start: z.union([z.enum(['warm', 'cold']), duration]).prefault('0s'),
    /** KV from prefill to decode: a time for each, and ms for each prompt token. */
    transfer: duration.prefault('0s'),
    transferPerTokenMs: z.number().min(0).default(0),
    deployment: deployment.optional(),
    step: step.optional(),
    engine: engine.partial().default({}),
    scaling: scaling.optional(),
  })
  .refine((given) => (given.deployment === undefined) !== (given.step === undefined), {
    message: 'give either a deployment or a step',
  })
  .refine((given) => typeof given.start === 'number' || given.deployment !== undefined, {
    message: 'only the start of a deployment can be foreseen: write it like 45s',
    path: ['start'],
  })

const workload = z
  .strictObject({
    /** Requests a second; with `users` instead the load is a closed loop. */
    rate: z.number().positive().optional(),
    /** `poisson`, `gamma:cv=3` …, as `baleen inject --arrivals` takes them. Default: those of the trace, else poisson. */
    arrivals: z.string().optional(),
    users: z.int().min(1).max(1_000_000).optional(),
    /** How long requests come. Default: as long as the trace, else a minute. */
    duration: duration.optional(),
    requests: z.int().min(1).max(10_000_000).optional(),
    /** In flight at most; who comes beyond that waits at the client. */
    concurrency: z.int().min(1).optional(),
    inputTokens: length.prefault(512),
    outputTokens: length.prefault(128),
    sharedPrefix: z.strictObject({ groups: z.int().min(1), tokens: z.int().min(1) }).optional(),
    /** Turns of a conversation, each with all that was said before in its prompt. */
    turns: z.int().min(1).max(1000).default(1),
    think: duration.prefault('0s'),
    /** CSV or JSON lines with times and lengths, and block hashes where it has them. */
    trace: z.string().optional(),
    /** Columns of the trace that have no usual name, such as `input: prompt_len`; `unit` is that of its times. */
    columns: z
      .partialRecord(z.enum(['time', 'input', 'output', 'blocks', 'unit']), z.string())
      .optional(),
  })
  .refine((given) => given.rate === undefined || given.users === undefined, {
    message: 'give a rate or users, not both',
  })

const fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('crash'),
    at: duration,
    /** By order of start, from 0. */
    replica: z.int().min(0),
    /** After this long another one is started; without it none is. */
    restart: duration.optional(),
  }),
  z.strictObject({
    kind: z.literal('slow'),
    at: duration,
    replica: z.int().min(0),
    factor: z.number().positive().max(1000),
    for: duration,
  }),
])

/** `baleen simulate FILE`. The same file and seed give the same event log, to the byte. */
export const scenario = z.strictObject({
  seed: z.int().min(0).default(1),
  pools: z.array(pool).min(1),
  workload: workload.prefault({}),
  faults: z.array(fault).default([]),
  gateways: z.int().min(1).max(1000).default(1),
  holdTimeout: duration.prefault('60s'),
  /** Cuts the run off; else it goes on until all requests have ended. */
  end: duration.optional(),
  slo: z
    .strictObject({
      ttft: duration.optional(),
      tpot: duration.optional(),
      e2e: duration.optional(),
    })
    .default({}),
})
export type Scenario = z.infer<typeof scenario>
export type ScenarioInput = z.input<typeof scenario>
