/** How a step is computed. */
export interface StepMode {
  readonly threads: number
  /** Sequences one after another instead of as one batch. */
  readonly isSplit: boolean
}

/**
 * Finds the fastest mode for each size of step. llama.cpp's threads wait for each other by spinning, dozens of times
 * a step: where another process needs a core, or a step is short, more threads can be ten times slower than one. And
 * its kernels for a few rows can be slower than as many times one row. No rule holds for every machine and model,
 * so it is measured, and measured again now and then.
 */
export interface StepTuner {
  /** For a step of so many tokens. */
  choose(tokens: number): StepMode
  observe(tokens: number, mode: StepMode, elapsedMs: number): void
}

/** `threads`: the counts to choose from. */
export function createStepTuner(threads: readonly number[]): StepTuner {
  const regimes = new Map<number, Regime>()
  const regimeOf = (tokens: number): Regime => {
    const size = tokens < manyTokens ? tokens : manyTokens + Math.floor(Math.log2(tokens))
    let regime = regimes.get(size)
    if (!regime) regimes.set(size, (regime = createRegime(threads, tokens)))
    return regime
  }
  return {
    choose(tokens) {
      const regime = regimeOf(tokens)
      return (dueForTrial(regime, tokens) ?? regime.best).mode
    },
    observe(tokens, mode, elapsedMs) {
      const regime = regimeOf(tokens)
      const candidate = regime.candidates.find((one) => one.mode === mode)
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
  readonly mode: StepMode
  /** Smoothed, per token. */
  cost: number
  samples: number
  /** Time spent in this regime when it was last tried. */
  triedAtMs: number
}

/** Steps of about the same size. */
interface Regime {
  readonly candidates: readonly Candidate[]
  best: Candidate
  spentMs: number
}

/** From here on llama.cpp multiplies matrices, and splitting never pays. */
const manyTokens = 16
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

function createRegime(threads: readonly number[], tokens: number): Regime {
  const splits = tokens > 1 && tokens < manyTokens ? [false, true] : [false]
  const candidates = threads.flatMap((count) =>
    splits.map((isSplit) => ({
      mode: { threads: count, isSplit },
      cost: 0,
      samples: 0,
      triedAtMs: 0,
    })),
  )
  return { candidates, best: candidates[0]!, spentMs: 0 }
}

/** From few threads to many, and no further once a count lost clearly. */
function dueForTrial(regime: Regime, tokens: number): Candidate | undefined {
  const { best } = regime
  for (const candidate of regime.candidates) {
    const isMore = candidate.mode.threads > best.mode.threads
    if (isMore && best.samples >= samplesNeeded && best.cost * tokens < shortMs) return undefined
    if (candidate.samples === 0) return candidate
    const isHopeless = candidate.cost > hopeless * best.cost
    if (candidate.samples < samplesNeeded && !isHopeless) return candidate
    if (candidate !== best && isStale(regime, candidate, tokens)) return candidate
    if (isHopeless && isMore) return undefined
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
