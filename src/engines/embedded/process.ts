import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { dataVariable } from '../../contract/boot.ts'
import { toAppError } from '../../core/errors.ts'
import { startEngine } from './engine-process.ts'
import { readFlags, serialVariable } from './flags.ts'
import { watchSupervisor } from './guard.ts'

/** The program of one engine. Exit codes: 0 drained, 1 could not start or go on. The last line on stderr says why. */

/** A probe that comes by every second or two shall see the reason before the process is gone. */
const lastWordsMs = 3000

// This process is a program of its own; nothing in it goes through server/environment.ts.
// oxlint-disable-next-line node/no-process-env
const variables = process.env
const log = pino({ base: { role: 'engine' } })
let isEnding = false

async function fail(thrown: unknown): Promise<never> {
  isEnding = true
  const { code, message, hint } = toAppError(thrown)
  await sleep(code === 'engine/bad-model' || code === 'engine/failed' ? lastWordsMs : 0)
  process.stderr.write(`${code}: ${message.replace(/\p{Cc}/gu, ' ')}. ${hint}\n`)
  process.exit(1)
}

try {
  const flags = readFlags(process.argv.slice(2))
  const engine = await startEngine(flags, {
    log,
    isSerial: variables[serialVariable] === '1',
    onBroken: (error) => void fail(error),
  })
  log.info({ url: engine.url, model: flags.model, pid: process.pid }, 'listening')

  const end = (why: string): void => {
    if (isEnding) return
    isEnding = true
    log.info({ why }, 'draining')
    void engine.drain(flags.drainMs).then(() => process.exit(0))
  }
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => (isEnding ? process.exit(1) : end('SIGINT')))
  const dataDirectory = variables[dataVariable]
  if (dataDirectory) watchSupervisor(dataDirectory, () => end('no supervisor is left'))

  const startedMs = performance.now()
  const summary = await engine.loaded
  log.info({ loadMs: Math.round(performance.now() - startedMs), ...summary }, 'ready')
} catch (thrown) {
  await fail(thrown)
}
