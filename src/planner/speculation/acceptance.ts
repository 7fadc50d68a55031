import { chain, type Speculation } from './speculation.ts'

/**
 * Tokens a step brings on average: the certain one and the guesses before the first wrong one, Σ aⁱ for i = 0 … depth
 * (Leviathan et al., arXiv 2211.17192, eq. 1).
 */
export function tokensPerStep(speculation: Shape) {
  const chance = levelAcceptance(speculation)
  return chance >= 1
    ? speculation.depth + 1
    : (1 - chance ** (speculation.depth + 1)) / (1 - chance)
}

type Shape = Pick<Speculation, 'acceptance' | 'depth' | 'width' | 'verified'>

/**
 * Chance that one of the candidates at a place is right, as many as are verified there on average: the n-th is wrong n^-b times as often as the first (the power law that
 * Sequoia, arXiv 2402.12374, finds; b as below).
 */
export function levelAcceptance({ acceptance, depth, width, verified }: Shape): number {
  const candidates = Math.max(1, Math.min(width, (verified - 1) / depth))
  return 1 - (1 - acceptance) * candidates ** -treeExponent
}

/** Halves the rejections at four candidates, about where the curves of Sequoia's figure 3 lie. */
const treeExponent = 0.5

/** The acceptance that brings `tokens` a step from a chain of `depth`: what publishers print, read backwards. */
export function acceptanceOf(tokens: number, depth: number): number {
  let low = 0
  let high = 1
  for (let round = 0; round < 40; round++) {
    const acceptance = (low + high) / 2
    if (tokensPerStep({ acceptance, ...chain(depth) }) < tokens) low = acceptance
    else high = acceptance
  }
  return Number(((low + high) / 2).toFixed(4))
}
