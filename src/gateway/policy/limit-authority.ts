import type {
  LimitAsk,
  LimitGrant,
  LimitRecall,
  LimitReturn,
  LimitUse,
} from '../../contract/ipc.ts'
import {
  addUse,
  createLimitWindow,
  emptyInMs,
  freeInMs,
  refund,
  usedIn,
  type LimitWindow,
} from './limit-window.ts'

/** A message for the gateway of that number. */
export interface Outgoing {
  readonly gateway: number
  readonly message: LimitGrant | LimitRecall
}

/**
 * Keeps every key's limits for all gateways of the machine. A gateway decides alone on what it holds as a lease;
 * leases and use together never exceed the limit. Where an ask can't be met although others hold unused leases,
 * these are recalled first: refused is only what is really used up, so a limit of N admits exactly N.
 *
 * `nowMs`: milliseconds since 1970 that never go back. Every call returns the messages to be sent.
 */
export interface LimitAuthority {
  ask(gateway: number, ask: LimitAsk, nowMs: number): Outgoing[]
  giveBack(gateway: number, returned: LimitReturn, nowMs: number): Outgoing[]
  /** The gateway has ended. What it held counts as used, for nobody knows. */
  leave(gateway: number, nowMs: number): Outgoing[]
  /** At least every 50 ms while asks wait; cheap otherwise. */
  tick(nowMs: number): Outgoing[]
  /** For `createLimitAuthority` of a later process. */
  state(): SavedLimits
}

export interface SavedLimits {
  readonly version: 1
  readonly keys: readonly {
    readonly key: string
    readonly requests: LimitWindow
    readonly tokens: LimitWindow
  }[]
}

/** How long a recalled gateway may take. What it does not return by then stays with it. */
const recallTimeoutMs = 100
/** Beyond its need an ask gets at most this share of what remains, so that the next gateway finds some too. */
const grantShare = 1 / 4
const forgetAfterMs = 120_000

interface Holding {
  requests: number
  tokens: number
  seenMs: number
}

interface Waiting {
  readonly gateway: number
  readonly ask: LimitAsk
  readonly recall: number
  readonly awaited: Set<number>
  readonly untilMs: number
}

interface Account {
  readonly key: string
  readonly requests: LimitWindow
  readonly tokens: LimitWindow
  readonly holdings: Map<number, Holding>
  /** In order of arrival. */
  readonly waiting: Waiting[]
}

export function createLimitAuthority(saved?: SavedLimits): LimitAuthority {
  const accounts = new Map<string, Account>()
  for (const { key, requests, tokens } of saved?.version === 1 ? saved.keys : [])
    accounts.set(key, { ...createAccount(key), requests, tokens })
  let recalls = 0

  function accountOf(key: string): Account {
    const known = accounts.get(key)
    if (known) return known
    const account = createAccount(key)
    accounts.set(key, account)
    return account
  }

  function recallFor(account: Account, gateway: number, ask: LimitAsk, nowMs: number): Outgoing[] {
    const others = [...account.holdings].filter(
      ([other, holding]) => other !== gateway && mayHelp(account, holding, ask, nowMs),
    )
    const recall = ++recalls
    account.waiting.push({
      gateway,
      ask,
      recall,
      awaited: new Set(others.map(([other]) => other)),
      untilMs: nowMs + recallTimeoutMs,
    })
    return others.map(([other]) => ({
      gateway: other,
      message: { type: 'limit-recall', key: account.key, recall },
    }))
  }

  return {
    ask(gateway, ask, nowMs) {
      const account = accountOf(ask.key)
      record(account, gateway, ask.use, nowMs)
      const grant = account.waiting.length === 0 ? tryGrant(account, gateway, ask, nowMs) : null
      if (grant) return [{ gateway, message: grant }]
      // Others may be served by what this ask has just reported.
      return [...recallFor(account, gateway, ask, nowMs), ...serve(account, nowMs)]
    },
    giveBack(gateway, returned, nowMs) {
      const account = accountOf(returned.key)
      const holding = record(account, gateway, returned.use, nowMs)
      holding.requests = Math.max(0, holding.requests - returned.requests)
      holding.tokens = Math.max(0, holding.tokens - returned.tokens)
      for (const waiting of account.waiting)
        if (waiting.recall === returned.recall) waiting.awaited.delete(gateway)
      return serve(account, nowMs)
    },
    leave(gateway, nowMs) {
      return [...accounts.values()].flatMap((account) => {
        forget(account, gateway, nowMs)
        return serve(account, nowMs)
      })
    },
    tick(nowMs) {
      const outgoing: Outgoing[] = []
      for (const account of accounts.values()) {
        if (account.waiting.length > 0) outgoing.push(...serve(account, nowMs))
        else if (isIdle(account, nowMs)) accounts.delete(account.key)
      }
      return outgoing
    },
    state: () => ({ version: 1, keys: [...accounts.values()].map(save) }),
  }
}

function createAccount(key: string): Account {
  return {
    key,
    requests: createLimitWindow(),
    tokens: createLimitWindow(),
    holdings: new Map(),
    waiting: [],
  }
}

function record(account: Account, gateway: number, use: LimitUse, nowMs: number): Holding {
  const holding = account.holdings.get(gateway) ?? { requests: 0, tokens: 0, seenMs: nowMs }
  account.holdings.set(gateway, holding)
  holding.seenMs = nowMs
  holding.requests = Math.max(0, holding.requests - use.requests)
  holding.tokens = Math.max(0, holding.tokens - use.tokens)
  addUse(account.requests, nowMs, use.requests + use.requestsOwed)
  addUse(account.tokens, nowMs, use.tokens + use.tokensOwed)
  for (let at = 0; at + 1 < use.refunds.length; at += 2)
    refund(account.tokens, nowMs, use.refunds[at]!, use.refunds[at + 1]!)
  return holding
}

/** Answers in order: what can be granted, and what nobody is left to help with. */
function serve(account: Account, nowMs: number): Outgoing[] {
  const outgoing: Outgoing[] = []
  for (let first = account.waiting[0]; first; first = account.waiting[0]) {
    const isDecided = first.awaited.size === 0 || nowMs >= first.untilMs
    const grant = tryGrant(account, first.gateway, first.ask, nowMs)
    if (!grant && !isDecided) break
    account.waiting.shift()
    outgoing.push({
      gateway: first.gateway,
      message: grant ?? answer(account, first.ask, { requests: 0, tokens: 0 }, nowMs),
    })
  }
  return outgoing
}

/** Null: less is free than the request at hand needs. */
function tryGrant(
  account: Account,
  gateway: number,
  ask: LimitAsk,
  nowMs: number,
): LimitGrant | null {
  const free = freeOf(account, ask, nowMs)
  if (lacks(ask, free)) return null
  const requests = share(ask.requests, ask.requestsWanted, free.requests)
  const tokens = share(ask.tokens, ask.tokensWanted, free.tokens)
  const holding = account.holdings.get(gateway)
  if (holding && ask.requestsPerMinute !== null) holding.requests += requests
  if (holding && ask.tokensPerMinute !== null) holding.tokens += tokens
  return answer(account, ask, { requests, tokens }, nowMs)
}

const share = (needed: number, wanted: number, free: number): number =>
  Math.max(needed, Math.min(wanted, Math.floor(free * grantShare)), 0)

interface Amounts {
  readonly requests: number
  readonly tokens: number
}

const lacks = (ask: LimitAsk, free: Amounts): boolean =>
  (ask.requests > 0 && ask.requests > free.requests) || (ask.tokens > 0 && ask.tokens > free.tokens)

/** Infinite where there is no limit; below 0 after a debt. */
function freeOf(account: Account, ask: LimitAsk, nowMs: number): Amounts {
  let requests = 0
  let tokens = 0
  for (const holding of account.holdings.values()) {
    requests += holding.requests
    tokens += holding.tokens
  }
  return {
    requests: (ask.requestsPerMinute ?? Infinity) - usedIn(account.requests, nowMs) - requests,
    tokens: (ask.tokensPerMinute ?? Infinity) - usedIn(account.tokens, nowMs) - tokens,
  }
}

function answer(account: Account, ask: LimitAsk, granted: Amounts, nowMs: number): LimitGrant {
  const free = freeOf(account, ask, nowMs)
  const isRefused = lacks(ask, free) && granted.requests === 0 && granted.tokens === 0
  return {
    type: 'limit-grant',
    ask: ask.ask,
    key: account.key,
    ...granted,
    requestsRemaining: remaining(free.requests),
    tokensRemaining: remaining(free.tokens),
    retryAfterMs: isRefused ? retryAfterMs(account, ask, free, nowMs) : 0,
    resetRequestsMs: emptyInMs(account.requests, nowMs),
    resetTokensMs: emptyInMs(account.tokens, nowMs),
  }
}

/** JSON has no infinity. */
const remaining = (free: number): number => (Number.isFinite(free) ? Math.max(0, free) : 0)

function retryAfterMs(account: Account, ask: LimitAsk, free: Amounts, nowMs: number): number {
  // What another gateway holds and did not return comes back within moments, when it reports.
  const requestsMs = freeInMs(account.requests, nowMs, ask.requests - free.requests) ?? 1000
  const tokensMs = freeInMs(account.tokens, nowMs, ask.tokens - free.tokens) ?? 1000
  return Math.max(1, requestsMs, tokensMs)
}

/** Leases that can be returned, or tokens whose settlement it may not have reported yet. */
function mayHelp(account: Account, holding: Holding, ask: LimitAsk, nowMs: number): boolean {
  const free = freeOf(account, ask, nowMs)
  if (ask.requests > 0 && ask.requests > free.requests) return holding.requests > 0
  return holding.tokens > 0 || nowMs - holding.seenMs < forgetAfterMs
}

function forget(account: Account, gateway: number, nowMs: number): void {
  const holding = account.holdings.get(gateway)
  if (holding) {
    addUse(account.requests, nowMs, holding.requests)
    addUse(account.tokens, nowMs, holding.tokens)
    account.holdings.delete(gateway)
  }
  const staying = account.waiting.filter((waiting) => waiting.gateway !== gateway)
  account.waiting.splice(0, account.waiting.length, ...staying)
  for (const waiting of staying) waiting.awaited.delete(gateway)
}

function isIdle(account: Account, nowMs: number): boolean {
  for (const [gateway, holding] of account.holdings)
    if (holding.requests === 0 && holding.tokens === 0 && nowMs - holding.seenMs > forgetAfterMs)
      account.holdings.delete(gateway)
  return (
    account.holdings.size === 0 &&
    usedIn(account.requests, nowMs) === 0 &&
    usedIn(account.tokens, nowMs) === 0
  )
}

function save(account: Account): SavedLimits['keys'][number] {
  const copy = { requests: clone(account.requests), tokens: clone(account.tokens) }
  for (const holding of account.holdings.values()) {
    hold(copy.requests, holding.requests)
    hold(copy.tokens, holding.tokens)
  }
  return { key: account.key, ...copy }
}

const clone = (window: LimitWindow): LimitWindow => ({ ...window, counts: [...window.counts] })
const hold = (window: LimitWindow, amount: number): void =>
  addUse(window, window.second * 1000, amount)
