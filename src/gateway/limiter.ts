import type { LimitAsk, LimitGrant, LimitRecall, LimitReturn } from '../contract/ipc.ts'
import type { SnapshotKey } from '../contract/snapshot.ts'
import {
  answerRecall,
  changeLimits,
  composeAsk,
  composeReport,
  createLease,
  receive,
  refuseTokens,
  settle,
  shouldAskAhead,
  take,
  takeOffline,
  type Lease,
} from './policy/lease.ts'

/** A request that waits for its share of a limit. */
export interface LimitWaiter {
  readonly reservedTokens: number
  onAdmitted(): void
  onRefused(side: 'requests' | 'tokens', retryAfterMs: number): void
}

export interface Limiter {
  /** Null: the key has no limit. */
  accountOf(key: SnapshotKey): LimitAccount | null
  /** Calls the waiter now or later. */
  admit(account: LimitAccount, waiter: LimitWaiter): void
  /** The client has gone: it no longer waits. */
  withdraw(account: LimitAccount, waiter: LimitWaiter): void
  settle(account: LimitAccount, reserved: number, actual: number, admittedAtMs: number): void
  receive(message: LimitGrant | LimitRecall): void
  /** Every 100 ms: overdue asks, reports. */
  tick(): void
  /** Gives all leases back. */
  close(): void
}

/** One key's side in this gateway. */
export interface LimitAccount {
  readonly lease: Lease
  readonly waiters: LimitWaiter[]
  /** The ask under way; 0: none. */
  ask: number
  askedAtMs: number
  /** Until then the supervisor counts as silent. */
  offlineUntilMs: number
  refusedUntilMs: number
}

const answerTimeoutMs = 250
const offlineMs = 1000
/** Asks and answers to recalls carry what was used as well: this is for keys that fall quiet. */
const reportTicks = 5
/** Longer than anything in an account matters. */
const forgetAfterMs = 120_000

/**
 * Spends leases on the keys' limits and gets new ones from the supervisor. `nowMs`: milliseconds that never go back.
 */
export function createLimiter(options: {
  readonly gateways: number
  readonly nowMs: () => number
  readonly send: (message: LimitAsk | LimitReturn) => void
}): Limiter {
  const { gateways, nowMs, send } = options
  const accounts = new Map<string, LimitAccount>()
  let asks = 0
  let ticks = 0

  function ask(account: LimitAccount, now: number): void {
    account.ask = ++asks
    account.askedAtMs = now
    const { waiters } = account
    let tokens = 0
    for (const waiter of waiters) tokens += waiter.reservedTokens
    const first = waiters[0]?.reservedTokens ?? 0
    send(composeAsk(account.lease, account.ask, { requests: waiters.length, tokens, first }, now))
  }

  function refuse(account: LimitAccount, waiter: LimitWaiter, now: number): void {
    const side = account.lease.requestsRefusedUntilMs > now ? 'requests' : 'tokens'
    waiter.onRefused(side, Math.max(1, account.refusedUntilMs - now))
  }

  /** `isRefused`: the first waiter's need was refused just now. */
  function serve(account: LimitAccount, now: number, isRefused: boolean): void {
    const { lease, waiters } = account
    let isFirst = isRefused
    for (let waiter = waiters[0]; waiter; waiter = waiters[0]) {
      const taken = take(lease, waiter.reservedTokens, now)
      if (taken === 'ask' && !isFirst) break
      waiters.shift()
      if (taken === 'taken') waiter.onAdmitted()
      else {
        if (taken === 'ask')
          refuseTokens(lease, waiter.reservedTokens, account.refusedUntilMs - now, now)
        refuse(account, waiter, now)
      }
      isFirst = false
    }
    if (waiters.length > 0 && account.ask === 0) ask(account, now)
  }

  function decideOffline(account: LimitAccount, waiter: LimitWaiter, now: number): void {
    if (takeOffline(account.lease, waiter.reservedTokens, now, gateways)) waiter.onAdmitted()
    else waiter.onRefused('requests', offlineMs)
  }

  function goOffline(account: LimitAccount, now: number): void {
    account.ask = 0
    account.offlineUntilMs = now + offlineMs
    for (const waiter of account.waiters.splice(0)) decideOffline(account, waiter, now)
  }

  function report(account: LimitAccount, now: number): void {
    const { lease, waiters } = account
    const message = composeReport(lease, now)
    if (message) return send(message)
    const isIdle = waiters.length === 0 && account.ask === 0
    if (isIdle && now - lease.takenAtMs > forgetAfterMs) accounts.delete(lease.key)
  }

  function giveBack({ key, requests, tokens }: LimitGrant): void {
    send({ type: 'limit-return', key, requests, tokens, recall: null, use: nothingUsed })
  }

  return {
    accountOf(key) {
      const { id, requestsPerMinute, tokensPerMinute } = key
      if (requestsPerMinute === null && tokensPerMinute === null) return null
      const known = accounts.get(id)
      if (!known) {
        const account = createAccount(id, { requestsPerMinute, tokensPerMinute }, nowMs())
        accounts.set(id, account)
        return account
      }
      const { limits } = known.lease
      const isChanged =
        limits.requestsPerMinute !== requestsPerMinute || limits.tokensPerMinute !== tokensPerMinute
      if (isChanged) changeLimits(known.lease, { requestsPerMinute, tokensPerMinute })
      return known
    },
    admit(account, waiter) {
      const now = nowMs()
      const { lease, waiters } = account
      if (waiters.length === 0) {
        const taken = take(lease, waiter.reservedTokens, now)
        if (taken === 'refused') return refuse(account, waiter, now)
        if (taken === 'taken') {
          if (account.ask === 0 && now >= account.offlineUntilMs && shouldAskAhead(lease))
            ask(account, now)
          return waiter.onAdmitted()
        }
      }
      if (now < account.offlineUntilMs) return decideOffline(account, waiter, now)
      waiters.push(waiter)
      if (account.ask === 0) ask(account, now)
    },
    withdraw(account, waiter) {
      const at = account.waiters.indexOf(waiter)
      if (at >= 0) account.waiters.splice(at, 1)
    },
    settle(account, reserved, actual, admittedAtMs) {
      const now = nowMs()
      if (!settle(account.lease, reserved, actual, admittedAtMs, now)) return
      const report = composeReport(account.lease, now)
      if (report) send(report)
    },
    receive(message) {
      const now = nowMs()
      const account = accounts.get(message.key)
      if (message.type === 'limit-recall') {
        send(
          answerRecall(
            account?.lease ?? createLease(message.key, unlimited, now),
            message.recall,
            now,
          ),
        )
        return
      }
      // An account that was forgotten meanwhile: what it is given now goes back.
      if (!account) return giveBack(message)
      const isAwaited = message.ask === account.ask
      if (isAwaited) account.ask = 0
      account.offlineUntilMs = 0
      const isGranted = receive(account.lease, message, now)
      if (!isGranted) account.refusedUntilMs = now + message.retryAfterMs
      serve(account, now, isAwaited && !isGranted)
    },
    tick() {
      const now = nowMs()
      ticks++
      for (const account of accounts.values()) {
        if (account.ask > 0 && now - account.askedAtMs >= answerTimeoutMs) goOffline(account, now)
        if (ticks % reportTicks === 0) report(account, now)
      }
    },
    close() {
      const now = nowMs()
      for (const { lease } of accounts.values()) {
        lease.takenAtMs = 0
        const report = composeReport(lease, now)
        if (report) send(report)
      }
    },
  }
}

const nothingUsed = { requests: 0, tokens: 0, requestsOwed: 0, tokensOwed: 0, refunds: [] }
const unlimited = { requestsPerMinute: null, tokensPerMinute: null }

const createAccount = (key: string, limits: Lease['limits'], now: number): LimitAccount => ({
  lease: createLease(key, limits, now),
  waiters: [],
  ask: 0,
  askedAtMs: 0,
  offlineUntilMs: 0,
  refusedUntilMs: 0,
})
