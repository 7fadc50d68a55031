import { z } from 'zod'
import { deploymentSpec } from '../../contract/deployment.ts'
import { defineFlags } from '../process-flags.ts'

/**
 * libuv's number of worker threads. With one, decoding and sampling follow each other in that thread; with the
 * usual four, the event loop has to wake up in between, once for every token.
 */
export const serialVariable = 'UV_THREADPOOL_SIZE'

/** What one engine process is told on its command line. */
const engineFlags = z.strictObject({
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

export const embeddedFlags = defineFlags(engineFlags)
