import { describe, expect, it } from 'vitest'
import { modelCatalogue } from '../../models/catalogue.ts'
import { tasks } from '../scores.ts'
import { boards, publishedScores } from './boards.ts'

const known = new Set(modelCatalogue.map(({ facts }) => facts.name))

describe.each(boards.map((board) => [board.title, board] as const))('%s', (_, board) => {
  it('names its publisher, year, address, what was read and how it was measured', () => {
    expect(board.url).toMatch(/^https:\/\//)
    expect(board.year).toBeGreaterThan(2022)
    expect(board.publisher && board.read && board.setting).toBeTruthy()
  })

  it('speaks of built-in models, once for each way of running them', () => {
    const rows = board.rows.map(({ model, thinks = false }) => `${model} ${thinks}`)
    expect(board.rows.map(({ model }) => model).filter((model) => !known.has(model))).toEqual([])
    expect(new Set(rows).size).toBe(rows.length)
  })

  it('has a score or none for each benchmark, of at least three rows, none above a hundred', () => {
    expect(new Set(board.benchmarks.map(({ name }) => name)).size).toBe(board.benchmarks.length)
    for (const { scores } of board.rows) {
      expect(scores).toHaveLength(board.benchmarks.length)
      for (const score of scores) if (score !== null) expect(score).toBeLessThanOrEqual(100)
    }
    for (const at of board.benchmarks.keys())
      expect(board.rows.filter(({ scores }) => scores[at] !== null).length).toBeGreaterThan(2)
  })
})

describe('publishedScores', () => {
  it.each(tasks)('knows at least fifty models for %s', (task) => {
    expect(new Set(publishedScores(task).map(({ model }) => model)).size).toBeGreaterThan(50)
  })
})
