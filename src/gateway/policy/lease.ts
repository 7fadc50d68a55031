import type { LimitAsk, LimitGrant, LimitReturn, LimitUse } from '../../contract/ipc.ts'
import {
  addUse,
  createLimitWindow,
  usedIn,
  windowSeconds,
  type LimitWindow,
} from './limit-window.ts'

/** Null: no limit on that side. */
export interface Limits {
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
}

/** `refused`: known to be used up, no need to ask. `ask`: the lease is too small. */
export type Taken = 'taken' | 'ask' | 'refused'

/**
 * One key's lease in one gateway: the part of the key's limit that this gateway may spend alone. All amounts on a
 * side without a limit are without meaning. Time is milliseconds that never go back.
 */
export interface Lease {
  readonly key: string
  limits: Limits
  requests: number
  tokens: number
  /** Of the last grant; below a quarter of it the gateway asks ahead. */
  grantedRequests: number
  grantedTokens: number
  /** Everybody's rest at the last grant, less what was taken here since. */
  requestsRemaining: number
  tokensRemaining: number
  resetRequestsAtMs: number
  resetTokensAtMs: number
  requestsRefusedUntilMs: number
  tokensRefusedUntilMs: number
  /** What was refused: less than that may still fit. */
  tokensRefused: number
  /** Not reported yet. */
  use: MutableUse
  /** Reservations that turned out too large: when they were made, by how much. */
  refunds: { readonly atMs: number; readonly tokens: number }[]
  /** Taken without a lease since the supervisor last spoke, and what it said was left then. */
  heardAtMs: number
  freeRequests: number
  freeTokens: number
  offlineRequests: number
  offlineTokens: number
  /** For the recent rate: since the last ask. */
  takenSinceAsk: number
  tokensSinceAsk: number
  askedAtMs: number
  takenAtMs: number
  /** This gateway's own use, for the allowance without a supervisor. */
  readonly ownRequests: LimitWindow
  readonly ownTokens: LimitWindow
}

type MutableUse = { -readonly [Name in keyof Omit<LimitUse, 'refunds'>]: number }

/**
 * A lease lasts about this long at the recent rate, so that asking ahead at its last quarter leaves a busy supervisor
 * half a second. It costs no exactness: what is unused is recalled when another gateway needs it.
 */
const leaseS = 2
/** Below so many a lease a key is quiet: one at a time, and what it is told to remain is true. */
const quietRequests = 8
/** An unused lease goes back after this long. */
const idleMs = 1000
/** Settlements free tokens at any time, so a refusal of tokens is believed only this long. */
const tokensRefusalMs = 200

export const createLease = (key: string, limits: Limits, nowMs: number): Lease => ({
  key,
  limits,
  requests: 0,
  tokens: 0,
  grantedRequests: 0,
  grantedTokens: 0,
  requestsRemaining: limits.requestsPerMinute ?? 0,
  tokensRemaining: limits.tokensPerMinute ?? 0,
  resetRequestsAtMs: 0,
  resetTokensAtMs: 0,
  requestsRefusedUntilMs: 0,
  tokensRefusedUntilMs: 0,
  tokensRefused: 0,
  use: noUse(),
  refunds: [],
  heardAtMs: -Infinity,
  freeRequests: 0,
  freeTokens: 0,
  offlineRequests: 0,
  offlineTokens: 0,
  takenSinceAsk: 0,
  tokensSinceAsk: 0,
  askedAtMs: nowMs,
  takenAtMs: 0,
  ownRequests: createLimitWindow(),
  ownTokens: createLimitWindow(),
})

/** One request and its estimated tokens, if the lease covers them. */
export function take(lease: Lease, tokens: number, nowMs: number): Taken {
  const { requestsPerMinute, tokensPerMinute } = lease.limits
  if (requestsPerMinute !== null && lease.requests < 1)
    return nowMs < lease.requestsRefusedUntilMs ? 'refused' : 'ask'
  if (tokensPerMinute !== null && lease.tokens < tokens)
    return nowMs < lease.tokensRefusedUntilMs && tokens >= lease.tokensRefused ? 'refused' : 'ask'
  lease.requests -= 1
  lease.tokens -= tokens
  lease.use.requests += 1
  lease.use.tokens += tokens
  count(lease, tokens, nowMs)
  return 'taken'
}

/**
 * Without an answer from the supervisor: this gateway's even share of the limit, less what it used itself in the
 * last minute and never more than its share of what was left when the supervisor last spoke.
 */
export function takeOffline(
  lease: Lease,
  tokens: number,
  nowMs: number,
  gateways: number,
): boolean {
  const { requestsPerMinute, tokensPerMinute } = lease.limits
  const share = (amount: number): number => Math.floor(amount / gateways)
  const isRecent = nowMs - lease.heardAtMs < windowSeconds * 1000
  const requestsFit =
    requestsPerMinute === null ||
    (usedIn(lease.ownRequests, nowMs) + 1 <= share(requestsPerMinute) &&
      (!isRecent || lease.offlineRequests + 1 <= share(lease.freeRequests)))
  const tokensFit =
    tokensPerMinute === null ||
    (usedIn(lease.ownTokens, nowMs) + tokens <= share(tokensPerMinute) &&
      (!isRecent || lease.offlineTokens + tokens <= share(lease.freeTokens)))
  if (!requestsFit || !tokensFit) return false
  lease.offlineRequests += 1
  lease.offlineTokens += tokens
  lease.use.requestsOwed += 1
  lease.use.tokensOwed += tokens
  count(lease, tokens, nowMs)
  return true
}

/** Real use against what was reserved at `atMs`. True: a debt that the supervisor should hear of at once. */
export function settle(
  lease: Lease,
  reserved: number,
  actual: number,
  atMs: number,
  nowMs: number,
): boolean {
  if (lease.limits.tokensPerMinute === null || actual === reserved) return false
  if (actual < reserved) {
    lease.refunds.push({ atMs, tokens: reserved - actual })
    lease.tokensRefusedUntilMs = 0
    return false
  }
  const debt = actual - reserved
  addUse(lease.ownTokens, nowMs, debt)
  lease.tokensRemaining = Math.max(0, lease.tokensRemaining - debt)
  const covered = Math.min(debt, Math.max(0, lease.tokens))
  lease.tokens -= covered
  lease.use.tokens += covered
  lease.use.tokensOwed += debt - covered
  return debt > covered
}

/** Worth asking before it runs out: busy keys only, so that a quiet key's remainder stays true. */
export function shouldAskAhead(lease: Lease): boolean {
  const { requestsPerMinute, tokensPerMinute } = lease.limits
  return (
    (requestsPerMinute !== null &&
      lease.grantedRequests >= quietRequests &&
      lease.requests * 4 < lease.grantedRequests) ||
    (tokensPerMinute !== null &&
      lease.grantedRequests >= quietRequests &&
      lease.tokens * 4 < lease.grantedTokens)
  )
}

/** `requests`, `tokens`: what waits now. Both 0: asks ahead. Reports all use so far. */
export function composeAsk(
  lease: Lease,
  ask: number,
  needed: { readonly requests: number; readonly tokens: number; readonly first: number },
  nowMs: number,
): LimitAsk {
  const elapsedS = Math.max(0.001, (nowMs - lease.askedAtMs) / 1000)
  // A burst after a pause looks slow over the whole time, so what waits counts too.
  const recent = (lease.takenSinceAsk / elapsedS) * leaseS
  const rate = recent < quietRequests ? 1 : recent
  const requestsWanted = Math.max(1, Math.round(rate), needed.requests)
  const tokensEach = lease.takenSinceAsk > 0 ? lease.tokensSinceAsk / lease.takenSinceAsk : 0
  const tokensWanted = Math.max(needed.tokens, Math.ceil(tokensEach * Math.round(rate)))
  lease.askedAtMs = nowMs
  lease.takenSinceAsk = 0
  lease.tokensSinceAsk = 0
  const isAhead = needed.requests === 0
  return {
    type: 'limit-ask',
    ask,
    key: lease.key,
    ...lease.limits,
    requests: isAhead || lease.limits.requestsPerMinute === null ? 0 : lessThanOne(lease.requests),
    tokens:
      isAhead || lease.limits.tokensPerMinute === null
        ? 0
        : Math.max(0, needed.first - lease.tokens),
    requestsWanted,
    tokensWanted,
    use: flushUse(lease, nowMs),
  }
}

/** Returns whether something was granted. */
export function receive(lease: Lease, grant: LimitGrant, nowMs: number): boolean {
  const { requestsPerMinute, tokensPerMinute } = lease.limits
  const isRefused = grant.retryAfterMs > 0
  lease.heardAtMs = nowMs
  lease.freeRequests = grant.requestsRemaining
  lease.freeTokens = grant.tokensRemaining
  lease.offlineRequests = lease.offlineTokens = 0
  if (requestsPerMinute !== null) {
    lease.requests += grant.requests
    lease.grantedRequests = grant.requests
    lease.requestsRemaining = grant.requestsRemaining + lease.requests
  }
  if (tokensPerMinute !== null) {
    lease.tokens += grant.tokens
    lease.grantedTokens = grant.tokens
    lease.tokensRemaining = grant.tokensRemaining + Math.max(0, lease.tokens)
  }
  lease.resetRequestsAtMs = nowMs + grant.resetRequestsMs
  lease.resetTokensAtMs = nowMs + grant.resetTokensMs
  if (isRefused && requestsPerMinute !== null && lease.requests < 1 && grant.requestsRemaining < 1)
    lease.requestsRefusedUntilMs = nowMs + grant.retryAfterMs
  return !isRefused
}

/** Remembers that so many tokens were refused just now. */
export function refuseTokens(lease: Lease, tokens: number, retryAfterMs: number, nowMs: number) {
  lease.tokensRefused = tokens
  lease.tokensRefusedUntilMs = nowMs + Math.min(retryAfterMs, tokensRefusalMs)
}

/** All unused lease and all use goes to the supervisor. */
export function answerRecall(lease: Lease, recall: number, nowMs: number): LimitReturn {
  return giveBack(lease, recall, nowMs)
}

/** What is due: use since the last message, and the lease itself where nobody needs it. Null: nothing. */
export function composeReport(lease: Lease, nowMs: number): LimitReturn | null {
  const isIdle = nowMs - lease.takenAtMs > idleMs
  if (isIdle && (lease.requests > 0 || lease.tokens > 0)) return giveBack(lease, null, nowMs)
  const { requests, tokens, requestsOwed, tokensOwed } = lease.use
  if (requests + tokens + requestsOwed + tokensOwed + lease.refunds.length === 0) return null
  return {
    type: 'limit-return',
    key: lease.key,
    requests: 0,
    tokens: 0,
    recall: null,
    use: flushUse(lease, nowMs),
  }
}

function giveBack(lease: Lease, recall: number | null, nowMs: number): LimitReturn {
  const returned: LimitReturn = {
    type: 'limit-return',
    key: lease.key,
    requests: Math.max(0, lease.requests),
    tokens: Math.max(0, lease.tokens),
    recall,
    use: flushUse(lease, nowMs),
  }
  lease.requests = 0
  lease.tokens = 0
  return returned
}

function count(lease: Lease, tokens: number, nowMs: number): void {
  lease.takenAtMs = nowMs
  lease.takenSinceAsk += 1
  lease.tokensSinceAsk += tokens
  lease.requestsRemaining = Math.max(0, lease.requestsRemaining - 1)
  lease.tokensRemaining = Math.max(0, lease.tokensRemaining - tokens)
  addUse(lease.ownRequests, nowMs, 1)
  addUse(lease.ownTokens, nowMs, tokens)
}

const lessThanOne = (requests: number): number => (requests < 1 ? 1 : 0)

const noUse = (): MutableUse => ({ requests: 0, tokens: 0, requestsOwed: 0, tokensOwed: 0 })

/** A refund's age is rounded up, so that it never lands in a newer second than its reservation. */
function flushUse(lease: Lease, nowMs: number): LimitUse {
  const byAge = new Map<number, number>()
  for (const { atMs, tokens } of lease.refunds) {
    const ageS = Math.max(0, Math.ceil((nowMs - atMs) / 1000)) + 1
    byAge.set(ageS, (byAge.get(ageS) ?? 0) + tokens)
  }
  const use: LimitUse = { ...lease.use, refunds: [...byAge].flat() }
  lease.use = noUse()
  lease.refunds = []
  return use
}

/** What was refused under the old limits is asked again; the supervisor hears of the new ones with the next ask. */
export function changeLimits(lease: Lease, limits: Limits): void {
  if (lease.limits.requestsPerMinute === null) lease.requests = 0
  if (lease.limits.tokensPerMinute === null) lease.tokens = 0
  lease.limits = limits
  lease.requestsRefusedUntilMs = 0
  lease.tokensRefusedUntilMs = 0
}
