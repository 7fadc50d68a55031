import type { Speculation } from './speculation.ts'

/**
 * Tokens a step brings on average: the certain one and the guesses before the first wrong one, Σ aⁱ for i = 0 … depth
 * (Leviathan et al., arXiv 2211.17192, eq. 1).
 */
export function tokensPerStep(speculation: Pick<Speculation, 'acceptance' | 'depth' | 'width'>) {
  const chance = levelAcceptance(speculation)
  return chance >= 1 ? speculation.depth + 1 : (1 - chance ** (speculation.depth + 1)) / (1 - chance)
}

/**
 * Chance that one of `width` candidates is right: the n-th is wrong n^-b times as often as the first (the power law that
 * Sequoia, arXiv 2402.12374, finds; b as below).
 */
export const levelAcceptance = ({
  acceptance,
  width,
}: Pick<Speculation, 'acceptance' | 'width'>): number =>
  1 - (1 - acceptance) * width ** -treeExponent

/** Halves the rejections at four candidates, about where the curves of Sequoia's figure 3 lie. */
const treeExponent = 0.5

/** The acceptance that brings `tokens` a step from a chain of `depth`: what publishers print, read backwards. */
export function acceptanceOf(tokens: number, depth: number): number {
  let low = 0
  let high = 1
  for (let round = 0; round < 40; round++) {
    const acceptance = (low + high) / 2
    if (tokensPerStep({ acceptance, depth, width: 1 }) < tokens) low = acceptance
    else high = acceptance
  }
  return Number(((low + high) / 2).toFixed(4))
}
