import { z } from 'zod'

/**
 * How one engine instance is run, in our words. `auto` leaves the choice to the engine (or, where a plan is applied, to
 * the plan). An engine's adapter says which of these it can't honour.
 */

const orAuto = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([z.literal('auto'), schema]).default('auto')
const toggle = z.enum(['auto', 'on', 'off']).default('auto')
const ranks = orAuto(z.int().min(1).max(1024))
/** A word that an engine knows: a backend, a parser, a format. Nothing that a shell or a path could be made of. */
const word = z.string().regex(/^[A-Za-z0-9][\w.+-]{0,63}$/, 'use letters, digits and . _ + -')
const gibibytes = orAuto(z.number().min(0).max(65_536))
/** A model or adapter: a hub repository, a URL of an object store, or a path. */
const artefact = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[\w./][\w./:@+~-]*$/, 'use a repository, a URL or a path')

/** `NAME` or `NAME/KEY` in the place where secrets are kept: never the secret itself. */
export const secretReference = z
  .string()
  .max(256)
  .regex(
    /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/,
    'name a secret: NAME or NAME/KEY, never its value',
  )

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'use letters, digits and _')
  // Whoever may deploy may not thereby load code of their own into the process, or pose as Baleen.
  .regex(
    /^(?!(LD_|DYLD_|BALEEN_)|(PATH|PYTHONPATH|PYTHONSTARTUP|PYTHONHOME|NODE_OPTIONS|BASH_ENV|ENV|IFS)$)/,
    'this variable is not for deployments to set',
  )
/** In a deployment's environment: which engine the engine `simulated` plays. Default vLLM. */
export const behavesVariable = 'SIMULATED_ENGINE'

const secretName = /(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|ACCESS_KEY(_ID)?)$/i

const environment = z
  .record(
    variableName,
    z.union([z.string().max(4096), z.strictObject({ secret: secretReference })], {
      error: 'write a text, in quotes where it is a number ("4"), or { secret: NAME }',
    }),
  )
  .superRefine((variables, context) => {
    for (const [name, value] of Object.entries(variables))
      if (typeof value === 'string' && secretName.test(name))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `write ${name}: {secret: NAME}: secrets are named here, never written`,
        })
  })

export const speculationMethods = [
  'draft',
  'ngram',
  'suffix',
  'lookahead',
  'medusa',
  'eagle',
  'eagle3',
  'mtp',
] as const

const speculation = z.strictObject({
  method: z.enum(speculationMethods),
  /** Draft model or heads; `ngram`, `suffix` and `mtp` need none. */
  model: artefact.optional(),
  /** Drafted in one step. */
  tokens: orAuto(z.int().min(1).max(64)),
})

const lora = z.strictObject({
  /** Clients name an adapter as the model. */
  adapters: z
    .array(z.strictObject({ name: z.string().regex(/^[\w.:@-]{1,64}$/), path: artefact }))
    .max(256)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
      error: 'give each adapter a name of its own',
    })
    .default([]),
  /** On devices at once. */
  loadedMax: orAuto(z.int().min(1).max(1024)),
  rankMax: orAuto(z.int().min(1).max(512)),
  /** Adapters come and go while it runs. */
  dynamic: toggle,
})

const offload = z.strictObject({
  /** Weights kept in host memory, by device. */
  weightsGiB: gibibytes,
  /** Host memory for KV that no longer fits on devices. */
  kvGiB: gibibytes,
  /** Fast disk for what does not fit in host memory either: weights (ZeRO-Inference) or KV. */
  nvmePath: z
    .string()
    .regex(/^\/[\w./-]+$/, 'use an absolute path')
    .optional(),
  /** Layers on devices, the rest on the CPU. */
  deviceLayers: orAuto(z.int().min(0).max(10_000)),
  /** Layers whose experts stay on the CPU. */
  cpuExpertLayers: orAuto(z.union([z.literal('all'), z.int().min(0).max(10_000)])),
})

export const engineSettings = z.strictObject({
  /** Longest prompt + answer of one sequence, tokens. */
  contextTokens: orAuto(z.int().min(64).max(10_000_000)),
  /** Sequences decoded at once, by data-parallel rank. */
  sequencesMax: orAuto(z.int().min(1).max(65_536)),
  /** Tokens taken into one step. */
  batchTokens: orAuto(z.int().min(32).max(1_048_576)),
  /** Requests waiting beyond those running before the engine says 503. */
  queueMax: orAuto(z.int().min(0).max(100_000)),
  /** CPU threads of the model loop. */
  threads: orAuto(z.int().min(1).max(1024)),
  /** `auto`: accelerators where the engine finds them. `off`: CPU only. */
  gpu: z.enum(['auto', 'off']).default('auto'),
  /** Share of a device's memory to use. What it is a share of differs by engine: docs/guides/engines.md. */
  memoryShare: orAuto(z.number().min(0.05).max(1)),

  /** Precision to hold weights in, where the checkpoint is not in it already. */
  weightPrecision: orAuto(
    z.enum(['fp32', 'bf16', 'fp16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4']),
  ),
  kvPrecision: orAuto(z.enum(['bf16', 'fp16', 'fp8', 'int8', 'int4', 'nvfp4'])),

  /** Devices that share each layer. */
  tensorParallel: ranks,
  /** Stages of layers. */
  pipelineParallel: ranks,
  /** Attention ranks with caches of their own. */
  dataParallel: ranks,
  /** Ranks that whole experts are spread over; 1: each expert is cut like the rest. */
  expertParallel: ranks,

  prefixCaching: toggle,
  /** Long prompts in pieces beside decoding. */
  chunkedPrefill: toggle,
  attentionBackend: orAuto(word),
  /** 0: nothing is compiled or captured, 1: graphs, 2: compiled too, 3: all the time it takes. */
  compileLevel: orAuto(z.int().min(0).max(3)),
  /** Largest batch that a graph is captured for. */
  graphSequencesMax: orAuto(z.int().min(1).max(65_536)),
  speculation: z.union([z.enum(['auto', 'off']), speculation]).default('auto'),
  lora: lora.prefault({}),
  offload: offload.prefault({}),

  /** What of a request it does, where prompts and answers have engines of their own. */
  role: z.enum(['both', 'prefill', 'decode']).default('both'),
  /** How KV goes from prefill to decode: nixl, mooncake, … */
  kvTransfer: orAuto(word),
  /** Can be put to sleep: weights leave the device, the process stays. */
  sleepMode: toggle,

  /** Parser that makes tool calls, or reasoning, out of what the model writes. */
  toolParser: orAuto(word),
  reasoningParser: orAuto(word),
  /** Where weights come from and how they are read: safetensors, runai_streamer, dummy, … */
  loadFormat: orAuto(word),
  /** Runs code that comes with the model. */
  trustRemoteCode: z.enum(['on', 'off']).default('off'),

  /** Version whose flags are written. `auto`: as found where it runs, else the newest known. */
  engineVersion: orAuto(
    z.string().regex(/^b?\d+(\.\d+){0,3}([.-]?[a-z]+\d*)?$/, 'write it like 0.28.0 or b9844'),
  ),
  /** Container image in place of the engine's own. */
  image: orAuto(
    z
      .string()
      .max(512)
      .regex(/^[a-z0-9][\w./:@-]*$/, 'use REGISTRY/NAME:TAG or NAME@DIGEST'),
  ),
  /** Memory that processes of one engine share (`/dev/shm`). */
  sharedMemoryGiB: gibibytes,
  /** How long loading may take. */
  loadTimeoutS: orAuto(z.int().min(1).max(86_400)),
  /** How long answers under way may take on shutdown. */
  drainTimeoutS: orAuto(z.int().min(0).max(3600)),

  /** Flags beyond these, each `--name` or `--name=value`; those that the adapter sets itself are refused. */
  extraArguments: z
    .array(
      z
        .string()
        .max(1024)
        .regex(/^--[A-Za-z][\w.-]*(=[\w .,:;/@%+={}"[\]~-]*)?$/, 'write --name or --name=value'),
    )
    .max(64)
    .default([]),
  /** Variables of the engine's environment: a value, or `{secret: NAME}`. */
  environment: environment.default({}),
})
export type EngineSettings = z.infer<typeof engineSettings>
