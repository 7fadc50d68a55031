import { isIP } from 'node:net'
import {
  processNames,
  type FaultAction,
  type FaultSpec,
  type ProcessChoice,
} from '../../contract/fault.ts'
import { AppError } from '../../core/errors.ts'
import { createRunClock } from '../drive/run-clock.ts'
import type { Target } from '../drive/target.ts'
import type { FaultWindow } from '../policy/faults/score-fault.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { startKeeper, type Keeper } from './keeper-client.ts'
import type { ReadyAction } from './process-fault.ts'

/** The faults of one run: each in its time, each undone. */
export interface FaultRunner {
  /** Where the driver has to send: the target, or the proxy in front of it. */
  readonly target: Target
  /** `startMs`: time 0 of the run, on the clock that all threads share; it may be a little ahead. */
  start(startMs: number): void
  /** Undoes what is left; tells what was done when. */
  end(): Promise<FaultWindow[]>
}

/** Those that the relay makes. */
const connectionKinds: ReadonlySet<FaultSpec['action']['kind']> = new Set([
  'delay',
  'slow-headers',
  'throttle',
  'reset',
  'black-hole',
  'half-close',
  'cut',
  'stall',
  'status',
  'garble',
])
/** Of processes, machines and pods: the keeper makes them. */
const isKept = (fault: FaultSpec): boolean => !isOfConnections(fault) && !isOfUsers(fault)
/** Made by the driver, which knows of it beforehand. */
const isOfUsers = ({ action }: FaultSpec): boolean => action.kind === 'abandon'
const isOfPods = ({ action }: FaultSpec): boolean =>
  action.kind === 'kill-pod' || action.kind === 'cut-pod'
export const isOfConnections = ({ action }: FaultSpec): boolean => connectionKinds.has(action.kind)

export interface FaultOptions {
  /** The target is claimed although it is not this machine. */
  readonly isOwned: boolean
  readonly seed: number
  /** Of the run: what is broken is written down there, so that the next run can mend it. */
  readonly folder?: string | undefined
  /** The process that has a name now. Error: there is none. */
  readonly findProcess?: ((choice: ProcessChoice) => Promise<number>) | undefined
}

/** Null: there are none. Error: `injection/not-owned` for a target elsewhere, or a cluster, that nobody claimed. */
export async function prepareFaults(
  faults: readonly FaultSpec[],
  target: Target,
  { isOwned, seed, folder, findProcess }: FaultOptions,
): Promise<FaultRunner | null> {
  if (faults.length === 0) return null
  const breaks = !faults.every(isOfUsers)
  if (!isOwned && breaks && !isLoopback(target.address))
    throw new AppError('injection/not-owned', {
      message: `${target.host} is not this machine, and the plan breaks things`,
    })
  if (!isOwned && faults.some(isOfPods))
    throw new AppError('injection/not-owned', {
      message: 'the plan breaks pods of a cluster',
    })
  const needsProxy = faults.some(isOfConnections)
  if (needsProxy && target.isTls)
    throw new AppError('injection/bad-spec', {
      message: 'faults of connections need http: inside of TLS there are no events to see',
    })
  const proxy = needsProxy ? await startFaultProxy(target, seed) : null
  const keeper = faults.some(isKept) ? startKeeper(folder) : null
  return createRunner(faults, target, { proxy, keeper, findProcess })
}

type ProcessAction = Extract<FaultAction, ProcessChoice>

interface Makers extends Pick<FaultOptions, 'findProcess'> {
  readonly proxy: FaultProxy | null
  readonly keeper: Keeper | null
}

/** How often a process that is not there is looked for, as long as the fault would last: it may be starting again. */
const findEveryMs = 100

function createRunner(
  faults: readonly FaultSpec[],
  target: Target,
  { proxy, keeper, findProcess }: Makers,
): FaultRunner {
  const windows: FaultWindow[] = []
  const timers: NodeJS.Timeout[] = []
  const pending: Promise<void>[] = []
  const undoNow: (() => void)[] = []
  const clock = createRunClock()
  let zeroMs = 0
  let hasEnded = false
  const now = () => clock() - zeroMs

  /** The action with the process that is meant now. */
  async function ready({ action, forMs }: FaultSpec, fromMs: number): Promise<ReadyAction> {
    if (!isOfProcess(action)) return action
    const { pid, deployment, replica, process, ...rest } = action
    if (pid !== undefined) return { ...rest, pid } as ReadyAction
    if (!findProcess) throw new Error('nobody here knows processes by name')
    for (;;)
      try {
        return { ...rest, pid: await findProcess({ deployment, replica, process }) } as ReadyAction
      } catch (thrown) {
        if (hasEnded || now() > fromMs + forMs) throw thrown
        await new Promise((resolve) => setTimeout(resolve, findEveryMs))
      }
  }

  async function keepProcess(keeping: Keeper, id: number, spec: FaultSpec): Promise<void> {
    const askedMs = now()
    let action: ReadyAction
    try {
      action = await ready(spec, askedMs)
    } catch (thrown) {
      const note = (thrown as Error).message
      windows.push({ spec, fromMs: askedMs, toMs: now(), isUndone: false, note })
      return
    }
    const fromMs = now()
    const applied = await keeping.apply(id, action, spec.forMs)
    const undone = await keeping.undone(id)
    windows.push({
      spec,
      fromMs,
      toMs: now(),
      isUndone: undone.did === 'undone',
      note: applied.note || undone.note,
    })
  }

  /** Without a relay: of users, whom the driver lets go by itself. */
  async function keepConnections(proxied: FaultProxy | null, spec: FaultSpec): Promise<void> {
    const fromMs = now()
    proxied?.apply(spec.action)
    await new Promise<void>((resolve) => {
      undoNow.push(resolve)
      timers.push(setTimeout(resolve, spec.forMs))
    })
    proxied?.clear(spec.action)
    windows.push({ spec, fromMs, toMs: now(), isUndone: true, note: '' })
  }

  return {
    target: proxy ? { ...target, address: '127.0.0.1', port: proxy.port } : target,
    start(startMs) {
      zeroMs = startMs
      for (const [id, spec] of faults.entries())
        timers.push(
          setTimeout(() => {
            if (isKept(spec) && keeper) pending.push(keepProcess(keeper, id, spec))
            else pending.push(keepConnections(isOfUsers(spec) ? null : proxy, spec))
          }, spec.atMs - now()),
        )
    },
    async end() {
      hasEnded = true
      for (const timer of timers) clearTimeout(timer)
      for (const undo of undoNow) undo()
      await keeper?.end()
      await Promise.all(pending)
      await proxy?.close()
      return windows.toSorted((a, b) => a.fromMs - b.fromMs)
    },
  }
}

const isOfProcess = (action: FaultAction): action is ProcessAction =>
  processNames.some((name) => name in action)

const isLoopback = (address: string): boolean =>
  isIP(address) === 4 ? address.startsWith('127.') : address === '::1'
