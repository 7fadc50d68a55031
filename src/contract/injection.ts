import { z } from 'zod'

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

/** Names as `ip` takes them: nothing that a shell or a path could read otherwise. */
const interfaceName = z.string().regex(/^[\w.-]{1,15}$/)
const netnsName = z.string().regex(/^[\w.-]{1,64}$/)
/** Share of the requests that a fault of connections hits. */
const share = z.number().positive().max(1).default(1)

/** What is broken on purpose: processes of this machine, the machine, its network, or the connections of the run. */
const faultAction = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('kill'), pid: z.int().positive() }),
  /** SIGSTOP, and SIGCONT when it is over: alive for the system, dead for its users. */
  z.strictObject({ kind: z.literal('stop'), pid: z.int().positive() }),
  z.strictObject({ kind: z.literal('terminate'), pid: z.int().positive() }),
  /** It runs for this share of the time only. */
  z.strictObject({
    kind: z.literal('slow'),
    pid: z.int().positive(),
    share: z.number().min(0.01).max(0.99),
  }),
  /** It may open no more than so many files and sockets. */
  z.strictObject({
    kind: z.literal('limit-files'),
    pid: z.int().positive(),
    files: z.int().min(0),
  }),
  /** Its address space may not grow beyond this. */
  z.strictObject({
    kind: z.literal('limit-memory'),
    pid: z.int().positive(),
    bytes: z.int().positive(),
  }),
  z.strictObject({ kind: z.literal('hog-cpu'), cores: z.int().min(1).max(1024) }),
  z.strictObject({ kind: z.literal('hog-memory'), bytes: z.int().positive() }),
  /** The file system of this folder has only so much left. */
  z.strictObject({
    kind: z.literal('fill-disk'),
    path: z.string().min(1),
    leaveBytes: z.int().min(0),
  }),
  /** The wall clock of the machine, or with a file that of the processes which libfaketime lets read it. */
  z.strictObject({
    kind: z.literal('skew'),
    byMs: z.number(),
    file: z.string().nullable(),
  }),
  /** A link is down. */
  z.strictObject({
    kind: z.literal('cut-path'),
    interface: interfaceName,
    netns: netnsName.nullable(),
  }),
  /** Every link of a network namespace is down: a node that is gone. */
  z.strictObject({ kind: z.literal('cut-node'), netns: netnsName }),
  z.strictObject({
    kind: z.literal('degrade-path'),
    interface: interfaceName,
    netns: netnsName.nullable(),
    delayMs: z.number().min(0),
    jitterMs: z.number().min(0),
    lossShare: z.number().min(0).max(1),
    bytesPerS: z.number().positive().nullable(),
  }),
  /** Every piece of an answer comes so much later, give or take. */
  z.strictObject({
    kind: z.literal('delay'),
    delayMs: z.number().positive(),
    jitterMs: z.number().min(0).default(0),
    share,
  }),
  /** The head of an answer comes so much later. */
  z.strictObject({ kind: z.literal('slow-headers'), delayMs: z.number().positive(), share }),
  z.strictObject({ kind: z.literal('throttle'), bytesPerS: z.number().positive(), share }),
  /** Open connections are reset, and new ones as long as it lasts. */
  z.strictObject({ kind: z.literal('reset') }),
  /** Nothing passes, nothing is refused; what was held passes afterwards. */
  z.strictObject({ kind: z.literal('black-hole') }),
  /** The side of the server says that it has ended, and goes on listening. */
  z.strictObject({ kind: z.literal('half-close') }),
  /** The stream ends after so many events. */
  z.strictObject({
    kind: z.literal('cut'),
    afterEvents: z.int().min(0),
    how: z.enum(['fin', 'rst']),
    share,
  }),
  /** The stream is silent after so many events until the fault is over. */
  z.strictObject({ kind: z.literal('stall'), afterEvents: z.int().min(0), share }),
  /** Requests are answered with this status and reach no server. */
  z.strictObject({ kind: z.literal('status'), code: z.int().min(400).max(599), share }),
  /** The event after so many is no JSON. */
  z.strictObject({ kind: z.literal('garble'), afterEvents: z.int().min(0), share }),
])
export type FaultAction = z.infer<typeof faultAction>

export const faultSpec = z.strictObject({
  name: z.string(),
  /** From the start of the run. */
  atMs: z.number().min(0),
  /** Every fault ends: at most ten minutes. */
  forMs: z.number().positive().max(600_000),
  action: faultAction,
})
export type FaultSpec = z.infer<typeof faultSpec>

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
const figure = z.number().nullable()

/** Null: nothing was measured. */
const metricSummary = z.object({
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

const injectionSummary = z.object({
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
