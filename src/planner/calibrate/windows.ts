/** A request as the gateway wrote it down. */
export interface Served {
  /** When it came, ms. */
  readonly atMs: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly answerTokens: number
  /** Without the time that it was held for a ready replica. */
  readonly ttftMs: number
  readonly e2eMs: number
}

/** What was served in a stretch of time, as one run. */
export interface Window {
  readonly requests: number
  readonly fromMs: number
  readonly toMs: number
  readonly rateRps: number
  readonly isl: number
  readonly osl: number
  readonly prefixShare: number
  readonly ttftMs: number
  readonly tpotMs: number
}

const requestsLeast = 15
const windowsMost = 20
/** Longer without a request: what came before and after are different stretches. */
const silenceMs = 60_000

/** Cuts live traffic into stretches of equally many requests; what is left over at the end counts to the last one. */
export function windowsOf(served: readonly Served[]): Window[] {
  const usable = served
    .filter(({ answerTokens, promptTokens }) => answerTokens >= 2 && promptTokens >= 1)
    .toSorted((a, b) => a.atMs - b.atMs)
  const size = Math.max(requestsLeast, Math.ceil(usable.length / windowsMost))
  return stretches(usable).flatMap((stretch) => {
    const count = Math.floor(stretch.length / size)
    return Array.from({ length: count }, (_, at) =>
      windowOf(stretch.slice(at * size, at === count - 1 ? stretch.length : (at + 1) * size)),
    )
  })
}

function stretches(served: readonly Served[]): Served[][] {
  const found: Served[][] = []
  for (const one of served) {
    const last = found.at(-1)
    const before = last?.at(-1)
    if (last && before && one.atMs - before.atMs < silenceMs) last.push(one)
    else found.push([one])
  }
  return found
}

function windowOf(served: readonly Served[]): Window {
  const mean = (of: (one: Served) => number) =>
    served.reduce((sum, one) => sum + of(one), 0) / served.length
  const fromMs = served[0]!.atMs
  const toMs = served.at(-1)!.atMs
  const isl = mean(({ promptTokens }) => promptTokens)
  const steps = mean(({ answerTokens }) => answerTokens - 1)
  return {
    requests: served.length,
    fromMs,
    toMs,
    rateRps: ((served.length - 1) / Math.max(1, toMs - fromMs)) * 1e3,
    isl,
    osl: steps + 1,
    prefixShare: mean(({ cachedTokens }) => cachedTokens) / isl,
    ttftMs: mean(({ ttftMs }) => ttftMs),
    // By tokens, not by requests: long answers are where the time goes.
    tpotMs: mean(({ e2eMs, ttftMs }) => e2eMs - ttftMs) / steps,
  }
}
