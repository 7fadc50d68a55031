import { destination, pino, type DestinationStream } from 'pino'
import type { Log } from '../core/log.ts'

export interface LogConfig {
  /** `control`, `gateway-0`. */
  readonly name: string
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** Lets prompts through. */
  readonly prompts: boolean
}

/** Where a careless field may carry what a client wrote, or a secret. */
const prompts = ['prompt', 'messages', 'input', 'content', 'text', 'body']
const secrets = ['authorization', 'apiKey', 'token', 'password']

/**
 * JSON lines on standard output: the supervisor has bound that of its children to their file in `logs/` and keeps it
 * short. Written at once, so that the last line before a kill is there.
 */
export function createLog(
  config: LogConfig,
  output: DestinationStream = destination({ fd: 1, sync: true }),
): Log {
  const hidden = config.prompts ? secrets : [...secrets, ...prompts]
  return pino(
    {
      level: config.level,
      base: { name: config.name, pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: hidden.flatMap((field) => [field, `*.${field}`]), remove: true },
    },
    output,
  )
}
