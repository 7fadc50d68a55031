import { isIP } from 'node:net'
import type { FaultSpec } from '../../contract/injection.ts'
import { AppError } from '../../core/errors.ts'
import { createRunClock } from '../drive/run-clock.ts'
import type { Target } from '../drive/target.ts'
import type { FaultWindow } from '../policy/faults/score-fault.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { startKeeper, type Keeper } from './keeper-client.ts'

/** The faults of one run: each in its time, each undone. */
export interface FaultRunner {
  /** Where the driver has to send: the target, or the proxy in front of it. */
  readonly target: Target
  /** `startMs`: time 0 of the run, on the clock that all threads share; it may be a little ahead. */
  start(startMs: number): void
  /** Undoes what is left; tells what was done when. */
  end(): Promise<FaultWindow[]>
}

/** Those that the relay makes; the others are the keeper's. */
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
export const isOfConnections = ({ action }: FaultSpec): boolean => connectionKinds.has(action.kind)

export interface FaultOptions {
  /** The target is claimed although it is not this machine. */
  readonly isOwned: boolean
  readonly seed: number
  /** Of the run: what is broken is written down there, so that the next run can mend it. */
  readonly folder?: string | undefined
}

/** Null: there are none. Error: `injection/not-owned` for a target elsewhere that nobody claimed. */
export async function prepareFaults(
  faults: readonly FaultSpec[],
  target: Target,
  { isOwned, seed, folder }: FaultOptions,
): Promise<FaultRunner | null> {
  if (faults.length === 0) return null
  if (!isOwned && !isLoopback(target.address))
    throw new AppError('injection/not-owned', {
      message: `${target.host} is not this machine, and the plan breaks things`,
    })
  const needsProxy = faults.some(isOfConnections)
  if (needsProxy && target.isTls)
    throw new AppError('injection/bad-spec', {
      message: 'faults of connections need http: inside of TLS there are no events to see',
    })
  const proxy = needsProxy ? await startFaultProxy(target, seed) : null
  const keeper = faults.every(isOfConnections) ? null : startKeeper(folder)
  return createRunner(faults, target, proxy, keeper)
}

function createRunner(
  faults: readonly FaultSpec[],
  target: Target,
  proxy: FaultProxy | null,
  keeper: Keeper | null,
): FaultRunner {
  const windows: FaultWindow[] = []
  const timers: NodeJS.Timeout[] = []
  const pending: Promise<void>[] = []
  const undoNow: (() => void)[] = []
  const clock = createRunClock()
  let zeroMs = 0
  const now = () => clock() - zeroMs

  async function keepProcess(keeping: Keeper, id: number, spec: FaultSpec): Promise<void> {
    const fromMs = now()
    const applied = await keeping.apply(id, spec.action, spec.forMs)
    const undone = await keeping.undone(id)
    windows.push({
      spec,
      fromMs,
      toMs: now(),
      isUndone: undone.did === 'undone',
      note: applied.note || undone.note,
    })
  }

  async function keepConnections(proxied: FaultProxy, spec: FaultSpec): Promise<void> {
    const fromMs = now()
    proxied.apply(spec.action)
    await new Promise<void>((resolve) => {
      undoNow.push(resolve)
      timers.push(setTimeout(resolve, spec.forMs))
    })
    proxied.clear(spec.action)
    windows.push({ spec, fromMs, toMs: now(), isUndone: true, note: '' })
  }

  return {
    target: proxy ? { ...target, address: '127.0.0.1', port: proxy.port } : target,
    start(startMs) {
      zeroMs = startMs
      for (const [id, spec] of faults.entries())
        timers.push(
          setTimeout(() => {
            if (!isOfConnections(spec) && keeper) pending.push(keepProcess(keeper, id, spec))
            else if (proxy) pending.push(keepConnections(proxy, spec))
          }, spec.atMs - now()),
        )
    },
    async end() {
      for (const timer of timers) clearTimeout(timer)
      for (const undo of undoNow) undo()
      await keeper?.end()
      await Promise.all(pending)
      await proxy?.close()
      return windows.toSorted((a, b) => a.fromMs - b.fromMs)
    },
  }
}

const isLoopback = (address: string): boolean =>
  isIP(address) === 4 ? address.startsWith('127.') : address === '::1'
