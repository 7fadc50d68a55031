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

/** Lines that wait for room on the disk; what comes beyond is lost. */
const waitingBytesMax = 2 ** 20

/** A full disk must not end who logs: lines wait, and go out before the next one that can. */
export function openLogOutput(fd: number): DestinationStream {
  const output = destination({ fd, sync: true, maxLength: waitingBytesMax })
  output.on('error', () => {})
  return output
}

/**
 * JSON lines on standard output: the supervisor has bound that of its children to their file in `logs/` and keeps it
 * short. Written at once, so that the last line before a kill is there.
 */
export function createLog(config: LogConfig, output: DestinationStream = openLogOutput(1)): Log {
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
