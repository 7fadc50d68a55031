/**
 * How many threads the next step shall use. llama.cpp's threads wait for each other by spinning, dozens of times a
 * step: where another process needs a core, or a step is short, more threads can be ten times slower than one. No
 * rule holds for every machine and model, so it is measured, per size of step, and measured again now and then.
 */
export interface ThreadChooser {
  /** For a step of so many tokens. */
  choose(tokens: number): number
  observe(tokens: number, threads: number, elapsedMs: number): void
}

export const fixedThreads = (threads: number): ThreadChooser => ({
  choose: () => threads,
  observe: () => {},
})

/** `cores`: those this process may use. */
export function createThreadChooser(cores: number): ThreadChooser {
  const candidates = threadCounts(cores)
  const regimes = new Map<number, Regime>()
  const regimeOf = (tokens: number): Regime => {
    const size = Math.min(4, Math.floor(Math.log2(tokens) / 2))
    let regime = regimes.get(size)
    if (!regime) regimes.set(size, (regime = createRegime(candidates)))
    return regime
  }
  return {
    choose(tokens) {
      const regime = regimeOf(tokens)
      return (dueForTrial(regime, tokens) ?? regime.best).threads
    },
    observe(tokens, threads, elapsedMs) {
      const regime = regimeOf(tokens)
      const candidate = regime.candidates.find((one) => one.threads === threads)
      if (candidate) record(regime, candidate, tokens, elapsedMs)
    },
  }
}

/** 12 → 1, 2, 4, 8, 12. */
export function threadCounts(cores: number): number[] {
  const counts: number[] = []
  for (let count = 1; count < cores; count *= 2) counts.push(count)
  return [...counts, Math.max(1, cores)]
}

interface Candidate {
  readonly threads: number
  /** Smoothed, per token. */
  cost: number
  samples: number
  /** Time spent in this regime when it was last tried. */
  triedAtMs: number
}

interface Regime {
  readonly candidates: readonly Candidate[]
  best: Candidate
  spentMs: number
}

const samplesNeeded = 3
/** A trial of a slower candidate may cost this share of all time. */
const trialShare = 0.01
const smoothing = 0.3
/** A change needs this much of a gain: two that are alike would alternate for ever. */
const gainNeeded = 0.9
/** Once is enough for a candidate that is so many times slower. */
const hopeless = 2
/** A step this short is not worth starting threads for. */
const shortMs = 4

function createRegime(counts: readonly number[]): Regime {
  const candidates = counts.map((threads) => ({ threads, cost: 0, samples: 0, triedAtMs: 0 }))
  return { candidates, best: candidates[0]!, spentMs: 0 }
}

/** From few threads to many, and no further once a count lost clearly. */
function dueForTrial(regime: Regime, tokens: number): Candidate | undefined {
  const { best } = regime
  const isShort = best.samples >= samplesNeeded && best.cost * tokens < shortMs
  if (isShort) return undefined
  for (const candidate of regime.candidates) {
    if (candidate.samples === 0) return candidate
    const isHopeless = candidate.cost > hopeless * best.cost
    if (candidate.samples < samplesNeeded && !isHopeless) return candidate
    if (candidate !== best && isStale(regime, candidate, tokens)) return candidate
    if (isHopeless && candidate.threads > best.threads) return undefined
  }
  return undefined
}

/** Long enough ago that another trial costs next to nothing. */
const isStale = (regime: Regime, candidate: Candidate, tokens: number): boolean =>
  (regime.spentMs - candidate.triedAtMs) * trialShare > candidate.cost * tokens

function record(regime: Regime, candidate: Candidate, tokens: number, elapsedMs: number): void {
  if (isStale(regime, candidate, tokens)) candidate.samples = 0
  const cost = elapsedMs / tokens
  candidate.samples++
  const weight = Math.max(smoothing, 1 / candidate.samples)
  candidate.cost += weight * (cost - candidate.cost)
  regime.spentMs += elapsedMs
  candidate.triedAtMs = regime.spentMs
  for (const one of regime.candidates)
    if (one.samples >= samplesNeeded && one.cost < regime.best.cost * gainNeeded) regime.best = one
}
