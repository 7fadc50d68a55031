import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { LimitAsk, LimitGrant, LimitRecall, LimitReturn } from '../../contract/ipc.ts'
import {
  createLimitAuthority,
  type LimitAuthority,
  type Outgoing,
  type SavedLimits,
} from '../../gateway/policy/limit-authority.ts'

/** Carries messages between the gateways and the one keeper of everybody's limits. */
export interface LimitHost {
  hear(gateway: number, message: LimitAsk | LimitReturn): void
  /** A gateway has ended. */
  leave(gateway: number): void
  /** Writes down what stands, and stops. */
  close(): void
}

export interface LimitHostOptions {
  /** Where the windows outlive this process: a restart must not hand out a minute's limit twice. */
  readonly path: string
  send(gateway: number, message: LimitGrant | LimitRecall): void
  /** Milliseconds since 1970 that never go back. */
  nowMs(): number
}

const tickMs = 50
const saveEveryMs = 1000
/** After the last message recalls may still be open: longer than the authority waits for any of them. */
const busyForMs = 500

export function createLimitHost(options: LimitHostOptions): LimitHost {
  const { path } = options
  const nowMs = () => options.nowMs()
  const authority = createLimitAuthority(restore(path))
  let ticker: NodeJS.Timeout | null = null
  let busyUntilMs = 0
  let isDirty = false

  const deliver = (outgoing: readonly Outgoing[]) => {
    for (const { gateway, message } of outgoing) options.send(gateway, message)
  }
  const tick = () => {
    deliver(authority.tick(nowMs()))
    if (nowMs() < busyUntilMs || !ticker) return
    clearInterval(ticker)
    ticker = null
  }
  const act = (outgoing: readonly Outgoing[]) => {
    isDirty = true
    busyUntilMs = nowMs() + busyForMs
    ticker ??= setInterval(tick, tickMs)
    deliver(outgoing)
  }
  const save = () => {
    deliver(authority.tick(nowMs()))
    if (isDirty) isDirty = !write(path, authority)
  }
  const saver = setInterval(save, saveEveryMs)

  return {
    hear(gateway, message) {
      act(
        message.type === 'limit-ask'
          ? authority.ask(gateway, message, nowMs())
          : authority.giveBack(gateway, message, nowMs()),
      )
    },
    leave: (gateway) => act(authority.leave(gateway, nowMs())),
    close() {
      clearInterval(saver)
      if (ticker) clearInterval(ticker)
      save()
    },
  }
}

function restore(path: string): SavedLimits | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SavedLimits
  } catch {
    // None yet, or cut off by a crash: then all windows are empty.
    return undefined
  }
}

/** A full disk must not end the limits: they go on in memory. */
function write(path: string, authority: LimitAuthority): boolean {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(authority.state()), { mode: 0o600 })
    renameSync(`${path}.new`, path)
    return true
  } catch {
    return false
  }
}
