import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Boot, ProcessRecord } from '../../contract/boot.ts'
import type { ChildMessage, SupervisorMessage } from '../../contract/ipc.ts'
import { toAppError } from '../../core/errors.ts'
import { createLog } from '../../observability/log.ts'
import { startTimeOf } from '../process-table.ts'
import { startControl, type Control, type ControlDeps } from './control.ts'
import { replaceFile } from './replace-file.ts'

const heartbeatMs = 500

/** The life of the control process: says that it lives, works, and ends when the supervisor says so or is gone. */
export async function runControl(
  boot: Boot,
  createDeps: () => Omit<ControlDeps, 'log' | 'send'>,
): Promise<void> {
  const log = createLog({ name: 'control', ...boot.config.log })
  const recordPath = join(boot.dataDirectory, 'run', 'control.json')
  const send = (message: ChildMessage): void => {
    if (process.connected) process.send?.(message, () => {})
  }
  setInterval(() => send({ type: 'heartbeat' }), heartbeatMs)

  let starting: Promise<Control> | undefined
  let isEnding = false
  const end = async (why: string, how: 'drain' | 'handOn'): Promise<void> => {
    if (isEnding) return
    isEnding = true
    log.info({ why }, how === 'drain' ? 'ends with its engines' : 'ends, the engines go on')
    rmSync(recordPath, { force: true })
    try {
      await (await starting)?.[how]()
      process.exit(0)
    } catch (thrown) {
      log.error({ err: thrown }, 'ended badly')
      process.exit(1)
    }
  }
  process.on('message', (message: SupervisorMessage) => {
    if (message.type === 'drain') void end('the supervisor asked', 'drain')
    if (message.type === 'wake') void starting?.then((control) => control.wake(message.route))
  })
  // Engines end themselves when no other supervisor comes.
  process.on('disconnect', () => void end('the supervisor is gone', 'handOn'))
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => void end(signal, 'handOn'))

  try {
    starting = startControl(boot, { ...createDeps(), log, send })
    const { url, port } = await starting
    if (isEnding) return
    const startTime = startTimeOf(process.pid) ?? ''
    const record: ProcessRecord = { pid: process.pid, startTime, url }
    replaceFile(recordPath, JSON.stringify(record))
    log.info({ url }, 'listening')
    send({ type: 'ready', port })
  } catch (thrown) {
    if (isEnding) return
    const { code, message, hint } = toAppError(thrown)
    log.error({ err: thrown, code }, `can't start: ${message}`)
    const fatal: ChildMessage = { type: 'fatal', code, message, hint }
    process.send?.(fatal, () => process.exit(1))
    setTimeout(() => process.exit(1), 1000)
  }
}
