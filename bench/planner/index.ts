/** `npm run bench:planner -- [--rows DIR] [--json] [--cross-validate]`: see README.md. */
import { parseArgs } from 'node:util'
import { dataFile, hasData } from './data.ts'
import { reportKvBlocks, reportQuoted } from './report.ts'
import { reportUnseen } from './report-unseen.ts'
import { loadRows } from './rows.ts'
import { figures, judge, scoreSlice, sliceScores, type SliceScore } from './score.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    json: { type: 'boolean', default: false },
    'cross-validate': { type: 'boolean', default: false },
  },
})
const directory = values.rows ?? dataFile('perf')
if (values.rows === undefined && !hasData()) {
  console.log('no published rows here: name a directory with --rows, or set BALEEN_PLANNER_DATA')
  process.exit(0)
}
const rows = loadRows(directory)
const judged = rows.map(judge)
const all = scoreSlice(judged)
const slices = sliceScores(judged)

console.log(
  `${rows.length} rows; with the shipped coefficients: median error, share inside the 80 % bar`,
)
for (const [name, score] of [['all', all] as const, ...Object.entries(slices)])
  printSlice(name, score)
if (hasData()) {
  reportKvBlocks()
  reportQuoted(judged)
}
const unseen = values['cross-validate'] ? { unseen: reportUnseen(directory, rows) } : {}
if (values.json) console.log(JSON.stringify({ all, slices, ...unseen }))

function printSlice(name: string, score: SliceScore): void {
  const percent = (share: number | null) => (share === null ? '' : `${(share * 100).toFixed(1)} %`)
  const cells = figures.map(
    (figure) =>
      `${figure} ${percent(score[figure].medianApe).padStart(8)} ${percent(score[figure].coverage80).padStart(8)}`,
  )
  console.log(
    `${name.slice(0, 52).padEnd(54)}${String(score.rows).padStart(6)} rows ${String(score.unsupported).padStart(5)} unsupported  ${cells.join('  ')}`,
  )
}
