import { describe, expect, it } from 'vitest'
import { abilities, type Cell } from './ability.ts'

/** Thirty models of known ability on six benchmarks, each of its own difficulty and spread, with holes. */
function board(taken: (subject: number, benchmark: number) => boolean): Cell[] {
  const cells: Cell[] = []
  for (let subject = 0; subject < 30; subject++)
    for (let benchmark = 0; benchmark < 6; benchmark++)
      if (taken(subject, benchmark))
        cells.push({
          subject: `m${subject}`,
          benchmark: `b${benchmark}`,
          // The noise is a hash: the same every time, and without a pattern.
          score:
            20 +
            benchmark * 8 +
            subject * (0.5 + benchmark / 5) +
            ((subject * 37 + benchmark * 91) % 7) / 3,
        })
  return cells
}

const order = (found: ReturnType<typeof abilities>): number[] =>
  [...found]
    .toSorted(([, a], [, b]) => a.level - b.level)
    .map(([subject]) => Number(subject.slice(1)))

describe('abilities', () => {
  it('puts models in order though each took only some of the benchmarks', () => {
    const found = abilities(board((subject, benchmark) => (subject + benchmark) % 3 !== 0))
    expect(found.size).toBe(30)
    for (const [place, subject] of order(found).entries())
      expect(Math.abs(place - subject)).toBeLessThanOrEqual(2)
  })

  it('does not take the best of a weak field for the best of all', () => {
    // The weak took only the first three, the strong the last three and one in common.
    const cells = board((subject, benchmark) => (subject < 15 ? benchmark < 3 : benchmark >= 2))
    expect(
      order(abilities(cells))
        .slice(-5)
        .every((subject) => subject >= 15),
    ).toBe(true)
  })

  it('is less sure of a model that took one benchmark than of one that took six', () => {
    const found = abilities(board((subject, benchmark) => subject !== 7 || benchmark === 0))
    expect(found.get('m7')!.error).toBeGreaterThan(1.5 * found.get('m8')!.error)
  })

  it('leaves out who shares no benchmark with the rest', () => {
    const found = abilities([
      ...board((_, benchmark) => benchmark < 3),
      { subject: 'stranger', benchmark: 'elsewhere', score: 99 },
    ])
    expect(found.has('stranger')).toBe(false)
  })

  it('has nothing to say of nothing', () => {
    expect(abilities([]).size).toBe(0)
  })
})
