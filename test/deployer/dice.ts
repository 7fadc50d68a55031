import { createRandom } from '../../src/core/random.ts'

/** Chance, as a world needs it: one seed gives one course of events. */
export interface Dice {
  /** 0 to 1. */
  readonly roll: () => number
  readonly chance: (share: number) => boolean
  /** Whole, both ends included. */
  readonly within: (from: number, to: number) => number
  readonly pick: <T>(all: readonly T[]) => T | undefined
}

export function createDice(seed: number): Dice {
  const roll = createRandom(seed)
  return {
    roll,
    chance: (share) => roll() < share,
    within: (from, to) => from + Math.floor(roll() * (to - from + 1)),
    pick: (all) => all[Math.floor(roll() * all.length)],
  }
}
