import { parseArgs } from 'node:util'
import { z } from 'zod'
import { deploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'

/**
 * libuv's number of worker threads. With one, decoding and sampling follow each other in that thread; with the
 * usual four, the event loop has to wake up in between, once for every token.
 */
export const serialVariable = 'UV_THREADPOOL_SIZE'

/** What one engine process is told on its command line. */
export const engineFlags = z.strictObject({
  /** Longest prompt + answer of one sequence, tokens. `auto`: the model's own length, at most 4096. */
  contextTokens: z.union([z.literal('auto'), z.int().min(1)]),
  /** llama.cpp's own limit is 256. */
  sequencesMax: z.int().min(1).max(256),
  batchTokens: z.int().min(1),
  queueMax: z.int().min(0),
  /** `auto`: measured for the machine, see the README beside this file. */
  threads: z.union([z.literal('auto'), z.int().min(1)]),
  gpu: z.enum(['auto', 'off']),
  /** Absolute path of the GGUF file. */
  model: z.string().min(1),
  /** What `/v1/models` and the metrics call it. */
  name: z.string().min(1),
  task: deploymentSpec.shape.task,
  host: z.string().min(1),
  port: z.int().min(0).max(65_535),
  /** Grace for requests in flight on SIGTERM. */
  drainMs: z.int().min(0),
})
export type EngineFlags = z.infer<typeof engineFlags>

/** `{ queueMax: 8 }` → `['--queue-max', '8']`, in the order of the schema. */
export function writeFlags(flags: EngineFlags): string[] {
  return fields.flatMap((field) => [`--${toFlag(field)}`, String(flags[field])])
}

/** Throws `cli/usage`. */
export function readFlags(argv: readonly string[]): EngineFlags {
  const options = Object.fromEntries(
    fields.map((field) => [toFlag(field), { type: 'string' as const }]),
  )
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true })
    return engineFlags.parse(
      Object.fromEntries(
        fields
          .map((field) => [field, values[toFlag(field)]] as const)
          .filter(([, value]) => value !== undefined)
          .map(([field, value]) => [field, texts.has(field) ? value : numeric(value)]),
      ),
    )
  } catch (thrown) {
    const message = thrown instanceof z.ZodError ? z.prettifyError(thrown) : String(thrown)
    throw new AppError('cli/usage', { message, cause: thrown })
  }
}

const texts = new Set<keyof EngineFlags>(['model', 'name', 'task', 'host'])
const fields = Object.keys(engineFlags.shape) as (keyof EngineFlags)[]
const toFlag = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const numeric = (value: unknown): unknown =>
  typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
