/** What a step takes, as a line: what it costs however little is in it, and what each token adds. */
export interface StepCost {
  readonly fixedMs: number
  readonly msPerToken: number
}

export interface StepCostEstimate {
  observe(tokens: number, elapsedMs: number): void
  /** Null before the first step. */
  current(): StepCost | null
}

/** Least squares in which a step counts half as much some 14 steps later: what else the machine does comes and goes. */
const memory = 0.95
/** However the noise falls, a token more costs this part of what one costs on the average. */
const leastShare = 0.25

/** While all steps were of one size only what a token takes on the average is known. */
export function createStepCostEstimate(): StepCostEstimate {
  let weight = 0
  let tokensMean = 0
  let msMean = 0
  let variance = 0
  let covariance = 0
  return {
    observe(tokens, elapsedMs) {
      weight = weight * memory + 1
      const share = 1 / weight
      const tokensOff = tokens - tokensMean
      const msOff = elapsedMs - msMean
      tokensMean += share * tokensOff
      msMean += share * msOff
      variance = (1 - share) * (variance + share * tokensOff * tokensOff)
      covariance = (1 - share) * (covariance + share * tokensOff * msOff)
    },
    current() {
      if (weight === 0) return null
      const meanMsPerToken = msMean / tokensMean
      const slope = variance < 1 ? meanMsPerToken : covariance / variance
      const msPerToken = Math.min(meanMsPerToken, Math.max(slope, leastShare * meanMsPerToken))
      return { fixedMs: msMean - msPerToken * tokensMean, msPerToken }
    },
  }
}
