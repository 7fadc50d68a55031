import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Boot, ProcessRecord } from '../../contract/boot.ts'
import type { ChildMessage } from '../../contract/ipc.ts'
import { AppError, catalogue, type ErrorCode } from '../../core/errors.ts'
import { startTimeOf } from '../process-table.ts'
import type { Announcer } from './announcer.ts'
import { Child, type ChildEnd } from './child.ts'
import { endLeftovers } from './leftovers.ts'
import { createLimitHost, type LimitHost } from './limit-host.ts'
import { writeLog } from './log-file.ts'
import { readSnapshot, watchModels } from './model-watch.ts'
import { isLateTick } from './restart-policy.ts'

export interface SupervisorOptions {
  /** What each child gets, but for its role and number. Ports and process counts are already settled. */
  readonly boot: Omit<Boot, 'role' | 'index'>
  /** Absolute paths of the files that the children run. */
  readonly scripts: { readonly control: string; readonly gateway: string }
  /** How long control may take to stop the engines and end. */
  readonly controlGraceMs: number
}

const tickMs = 500
const trimEveryMs = 60_000
/** On top of the drain time that gateways keep themselves. */
const drainMarginMs = 2000

/**
 * The parent of control and gateways. The caller holds the data directory's lock. `run` resolves when the
 * family has ended in order, and rejects with the coded error that made it give up.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #announcer: Announcer
  readonly #limits: LimitHost
  readonly #gateways: readonly Child[]
  readonly #control: Child
  readonly #failed = Promise.withResolvers<never>()
  readonly #logPath: string
  readonly #snapshotPath: string
  #models: { end(): void } | null = null
  #isUp = false
  #isStopping = false

  constructor(options: SupervisorOptions, announcer: Announcer) {
    this.#options = options
    this.#announcer = announcer
    const { boot, scripts } = options
    this.#logPath = join(boot.dataDirectory, 'logs', 'supervisor.log')
    this.#snapshotPath = join(boot.dataDirectory, 'run', 'snapshot.json')
    const create = (role: Boot['role'], index: number, name: string) =>
      new Child(
        {
          name,
          script: scripts[role],
          boot: { ...boot, role, index },
          logPath: join(boot.dataDirectory, 'logs', `${name}.log`),
        },
        {
          onMessage: (child, message) => this.#hear(child, message),
          onEnd: (child, end) => this.#heal(child, end),
        },
      )
    this.#gateways = Array.from({ length: boot.gateways }, (_, index) =>
      create('gateway', index, `gateway-${index}`),
    )
    this.#control = create('control', 0, 'control')
    this.#limits = createLimitHost({
      path: join(boot.dataDirectory, 'run', 'limits.json'),
      send: (gateway, message) => this.#gateways[gateway]?.send(message),
      nowMs: () => performance.timeOrigin + performance.now(),
    })
  }

  /** Runs until the first signal aborts (in order) or the second does (at once). */
  async run(stop: AbortSignal, kill: AbortSignal): Promise<void> {
    const { dataDirectory, gatewayUrl } = this.#options.boot
    const recordPath = join(dataDirectory, 'run', 'supervisor.json')
    const record: ProcessRecord = {
      pid: process.pid,
      startTime: startTimeOf(process.pid) ?? '',
      url: gatewayUrl,
    }
    // Engines of an earlier generation end themselves when they find no living supervisor in this file.
    writeFileSync(`${recordPath}.new`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${recordPath}.new`, recordPath)

    const watch = this.#startWatch()
    const killed = aborted(kill)
    try {
      for (const child of this.#children) child.start()
      this.#log('info', { text: 'started', pid: process.pid, gatewayUrl })
      await Promise.race([aborted(stop), killed, this.#failed.promise])
      if (!kill.aborted) await Promise.race([this.#stop(), killed])
    } finally {
      this.#isStopping = true
      watch.end()
      this.#models?.end()
      await this.#sweep(kill.aborted ? 0 : 1000)
      rmSync(recordPath, { force: true })
      this.#limits.close()
      this.#log('info', { text: 'ended' })
    }
  }

  get #children(): readonly Child[] {
    return [...this.#gateways, this.#control]
  }

  /** Gateways first, so that streams in flight still have their engines. */
  async #stop(): Promise<void> {
    this.#isStopping = true
    this.#models?.end()
    const graceMs = this.#options.boot.config.gateway.drainTimeout + drainMarginMs
    this.#announcer.stopping('letting requests in flight finish')
    await Promise.all(this.#gateways.map((gateway) => gateway.stop(graceMs)))
    this.#announcer.stopping('stopping the engines')
    await this.#control.stop(this.#options.controlGraceMs)
  }

  /** Whatever happened before: when this is done no process of the data directory is left. */
  async #sweep(graceMs: number): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()))
    await endLeftovers(this.#options.boot.dataDirectory, ['engine', 'control', 'gateway'], graceMs)
  }

  #hear(child: Child, message: ChildMessage): void {
    const announcer = this.#announcer
    switch (message.type) {
      case 'heartbeat':
        return
      case 'limit-ask':
      case 'limit-return':
        return this.#limits.hear(child.plan.boot.index, message)
      case 'wake':
        return this.#control.send(message)
      case 'progress':
        return announcer.progress(message.topic, message.text, message.isDone)
      case 'key-created':
        return announcer.keyCreated(message.key)
      case 'fatal':
        return this.#log('error', { child: child.plan.name, ...message })
      case 'ready':
        this.#log('info', { child: child.plan.name, text: 'ready', pid: child.pid })
        if (!this.#isUp && this.#children.every(({ isReady }) => isReady)) this.#beUp()
    }
  }

  #beUp(): void {
    this.#isUp = true
    const { boot } = this.#options
    const snapshot = readSnapshot(this.#snapshotPath)
    const model = snapshot?.routes.find(({ task }) => task === 'generate')?.name ?? null
    this.#announcer.ready({ ...boot, model })
    this.#models = watchModels(this.#snapshotPath, ({ route, isReady, text }) =>
      this.#announcer.progress(`model ${route}`, `${route}: ${text}`, isReady),
    )
  }

  #heal(child: Child, end: ChildEnd): void {
    const { name } = child.plan
    if (child !== this.#control) this.#limits.leave(child.plan.boot.index)
    this.#log('warn', { child: name, ...end })
    if (this.#isStopping) return
    // Once the service is up it is kept up: what ends one child for good leaves the others serving.
    if (end.fatal && !this.#isUp) return this.#failed.reject(asError(end.fatal))
    if (end.decision.kind === 'give-up')
      return this.#failed.reject(
        new AppError('internal/unexpected', {
          message: `${name} ${end.decision.reason}; it ${end.text}`,
          hint: `Its last words are in ${child.plan.logPath}`,
        }),
      )
    const why = end.fatal ? `: ${end.fatal.code}: ${end.fatal.message}` : ''
    this.#announcer.trouble(
      `${name} ${end.text}${why}; starting it again in ${end.decision.delayMs / 1000} s`,
    )
  }

  #startWatch(): { end(): void } {
    let previousMs = performance.now()
    const look = setInterval(() => {
      const nowMs = performance.now()
      for (const child of this.#children)
        if (isLateTick(previousMs, nowMs)) child.forgive(nowMs)
        else if (child.endIfFrozen(nowMs))
          this.#announcer.trouble(`${child.plan.name} is frozen: ending it`)
      previousMs = nowMs
    }, tickMs)
    const trim = setInterval(() => {
      for (const child of this.#children) child.trimLog()
    }, trimEveryMs)
    return {
      end: () => {
        clearInterval(look)
        clearInterval(trim)
      },
    }
  }

  #log(level: 'info' | 'warn' | 'error', fields: object): void {
    writeLog(this.#logPath, level, fields)
  }
}

function asError(fatal: NonNullable<ChildEnd['fatal']>): AppError {
  const code = fatal.code in catalogue ? (fatal.code as ErrorCode) : 'internal/unexpected'
  return new AppError(code, { message: fatal.message, hint: fatal.hint })
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  else signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
