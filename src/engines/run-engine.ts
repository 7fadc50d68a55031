import { setTimeout as sleep } from 'node:timers/promises'
import { destination, type Logger, pino } from 'pino'
import { dataVariable } from '../contract/boot.ts'
import { type AppError, toAppError } from '../core/errors.ts'
import { hasSupervisor, watchSupervisor } from './embedded/guard.ts'

export interface RunningEngine {
  readonly url: string
  /** What was loaded, for the log. Rejects with a coded error where the model can't be. */
  readonly loaded: Promise<object>
  /** Takes nothing new, resolves when the last answer has left or the time is up. */
  drain(limitMs: number): Promise<void>
}

export interface EngineStart {
  readonly engine: RunningEngine
  readonly model: string
  /** Grace for requests in flight on SIGTERM. */
  readonly drainMs: number
}

/** A probe that comes by every second or two shall see the reason before the process is gone. */
const lastWordsMs = 3000

// Engines are programs of their own; nothing in them goes through server/environment.ts.
// oxlint-disable-next-line node/no-process-env
export const variables = process.env

/** A full disk must not end who logs. `observability/log.ts` has the same, which engines may not import. */
function openLogOutput() {
  const output = destination({ fd: 1, sync: true, maxLength: 2 ** 20 })
  output.on('error', () => {})
  return output
}

/** The life of one engine process. Exit codes: 0 drained, 1 could not start or go on. The last line on stderr says why. */
export async function runEngine(
  start: (deps: {
    readonly log: Logger
    readonly onBroken: (error: AppError) => void
  }) => Promise<EngineStart>,
): Promise<void> {
  const log = pino({ base: { role: 'engine' } }, openLogOutput())
  let isEnding = false

  const fail = async (thrown: unknown): Promise<never> => {
    isEnding = true
    const { code, message, hint } = toAppError(thrown)
    await sleep(code === 'engine/bad-model' || code === 'engine/failed' ? lastWordsMs : 0)
    process.stderr.write(`${code}: ${message.replace(/\p{Cc}/gu, ' ')}. ${hint}\n`)
    process.exit(1)
  }

  try {
    const { engine, model, drainMs } = await start({ log, onBroken: (error) => void fail(error) })
    log.info({ url: engine.url, model, pid: process.pid }, 'listening')

    const end = (why: string): void => {
      if (isEnding) return
      isEnding = true
      log.info({ why }, 'draining')
      void engine.drain(drainMs).then(() => process.exit(0))
    }
    process.on('SIGTERM', () => end('SIGTERM'))
    process.on('SIGINT', () => (isEnding ? process.exit(1) : end('SIGINT')))
    const dataDirectory = variables[dataVariable]
    // In a container of its own it has none: who runs that ends it.
    if (dataDirectory && hasSupervisor(dataDirectory))
      watchSupervisor(dataDirectory, () => end('no supervisor is left'))

    const startedMs = performance.now()
    const summary = await engine.loaded
    log.info({ loadMs: Math.round(performance.now() - startedMs), ...summary }, 'ready')
  } catch (thrown) {
    await fail(thrown)
  }
}
