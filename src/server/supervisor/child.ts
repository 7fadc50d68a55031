import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Boot } from '../../contract/boot.ts'
import type { ChildMessage, SupervisorMessage } from '../../contract/ipc.ts'
import { bootEnvironment, childEnvironment } from '../environment.ts'
import { nodeFlags } from '../node-flags.ts'
import { openLog, trimLog } from './log-file.ts'
import { decideRestart, isFrozen, noHistory, type RestartDecision } from './restart-policy.ts'

export interface ChildPlan {
  /** `control`, `gateway-0`: also the name of its log. */
  readonly name: string
  /** Absolute path of the file that Node runs. */
  readonly script: string
  readonly boot: Boot
  readonly logPath: string
}

/** How one run of a child ended. */
export interface ChildEnd {
  readonly pid: number | null
  /** "ended with code 1", "was killed by SIGKILL", "could not be started: …". */
  readonly text: string
  readonly wasReady: boolean
  readonly fatal: Extract<ChildMessage, { type: 'fatal' }> | null
  readonly decision: RestartDecision
}

export interface ChildListener {
  onMessage(child: Child, message: ChildMessage): void
  /** Not called for an end that was asked for. */
  onEnd(child: Child, end: ChildEnd): void
}

interface Run {
  readonly process: ChildProcess
  readonly startedAtMs: number
  readonly ended: Promise<void>
  heardAtMs: number | null
  wasReady: boolean
  fatal: ChildEnd['fatal']
}

/** One place in the supervisor's family, kept over restarts of the process that fills it. */
export class Child {
  readonly plan: ChildPlan
  readonly #listener: ChildListener
  #run: Run | null = null
  #history = noHistory
  #restart: NodeJS.Timeout | null = null
  #isStopping = false

  constructor(plan: ChildPlan, listener: ChildListener) {
    this.plan = plan
    this.#listener = listener
  }

  get isReady(): boolean {
    return this.#run?.wasReady ?? false
  }

  get pid(): number | null {
    return this.#run?.process.pid ?? null
  }

  /** In a session of its own: a signal to the terminal must reach the supervisor alone, which knows the order. */
  start(): void {
    const log = openLog(this.plan.logPath)
    const { script, boot } = this.plan
    const child = spawn(process.execPath, [...nodeFlags[boot.role], script], {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: childEnvironment(bootEnvironment(boot)),
    })
    closeSync(log)
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const run: Run = {
      process: child,
      startedAtMs: performance.now(),
      ended,
      heardAtMs: null,
      wasReady: false,
      fatal: null,
    }
    this.#run = run
    child.on('message', (message) => this.#hear(run, message as ChildMessage))
    void endOf(child).then((text) => {
      resolve()
      this.#finish(run, text)
    })
  }

  /** A message to a child that is down or on its way out is lost; children cope with silence. */
  send(message: SupervisorMessage): void {
    const child = this.#run?.process
    if (child?.connected) child.send(message, () => {})
  }

  /** Ends a frozen child. Returns whether it did. */
  endIfFrozen(nowMs: number): boolean {
    const run = this.#run
    if (!run || this.#isStopping || !isFrozen(run, nowMs)) return false
    run.process.kill('SIGKILL')
    return true
  }

  /** Counts its silence from now on. */
  forgive(nowMs: number): void {
    if (this.#run?.heardAtMs != null) this.#run.heardAtMs = nowMs
  }

  trimLog(): void {
    trimLog(this.plan.logPath)
  }

  /** Asks it to finish and waits for its end; after the grace it is killed. It is not started again. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    if (this.#restart) clearTimeout(this.#restart)
    const run = this.#run
    if (!run) return
    if (run.process.connected) this.send({ type: 'drain' })
    else run.process.kill('SIGTERM')
    const timer = setTimeout(() => run.process.kill('SIGKILL'), graceMs)
    await run.ended
    clearTimeout(timer)
  }

  /** At once. Resolves when it is gone. */
  kill(): Promise<void> {
    this.#isStopping = true
    if (this.#restart) clearTimeout(this.#restart)
    this.#run?.process.kill('SIGKILL')
    return this.#run?.ended ?? Promise.resolve()
  }

  #hear(run: Run, message: ChildMessage): void {
    run.heardAtMs = performance.now()
    if (message.type === 'ready') run.wasReady = true
    if (message.type === 'fatal') run.fatal = message
    this.#listener.onMessage(this, message)
  }

  #finish(run: Run, text: string): void {
    this.#run = null
    if (this.#isStopping) return
    const { wasReady, fatal } = run
    const durationMs = performance.now() - run.startedAtMs
    const decision = decideRestart(this.#history, { durationMs, wasReady })
    if (decision.kind === 'restart') {
      this.#history = decision.history
      this.#restart = setTimeout(() => this.#startAgain(), decision.delayMs)
    }
    this.#listener.onEnd(this, { pid: run.process.pid ?? null, text, wasReady, fatal, decision })
  }

  /** A start can itself fail, where the disk is full or no process is left to have. */
  #startAgain(): void {
    this.#restart = null
    try {
      this.start()
    } catch {
      this.#restart = setTimeout(() => this.#startAgain(), 1000)
    }
  }
}

/** Why it ended, told once its last words have been heard as well: they may come after the end itself. */
async function endOf(child: ChildProcess): Promise<string> {
  const silent = new Promise<void>((resolve) => child.once('disconnect', resolve))
  const text = await new Promise<string>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal ? `was killed by ${signal}` : `ended with code ${code}`),
    )
    // Also emitted when a message can't be delivered; only a process that never began has no pid.
    child.on('error', (thrown) => {
      if (child.pid === undefined) resolve(`could not be started: ${thrown.message}`)
    })
  })
  if (child.connected) await Promise.race([silent, delay(lastWordsMs)])
  return text
}

const lastWordsMs = 500
