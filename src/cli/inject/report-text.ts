import type { InjectionReport } from '../../contract/injection.ts'
import {
  faultsOverlap,
  faultTable,
  latencyTable,
  modelTable,
  overlapNote,
  resultRows,
} from '../../injector/report/figures.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'

/** A report for a terminal. */
export function reportText(report: InjectionReport, folder: string, style: Style): string {
  const { validity } = report.summary
  const latency = latencyTable(report.summary)
  const rows = resultRows(report)
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  const notUndone = report.faults.filter(({ isUndone }) => !isUndone)
  return [
    ...rows.map(([name, value]) => `${style('dim', name.padEnd(width))}${value}`),
    '',
    formatTable(latency.header, latency.rows, style),
    ...(latency.rows.some((row) => row.some((cell) => cell.startsWith('≥')))
      ? [style('dim', '≥: too few samples to claim it; at least that much, with 99 % confidence')]
      : []),
    ...(report.models.length > 0 ? ['', formatTable(...modelTable(report), style)] : []),
    ...(report.faults.length > 0 ? ['', formatTable(...faultTable(report), style)] : []),
    ...(faultsOverlap(report) ? [style('dim', overlapNote)] : []),
    ...notUndone.map(({ name }) => style('red', `✗ ${name} was not undone`)),
    '',
    validity.isTrustworthy
      ? style('green', '✓ the client kept up: these are figures of the server')
      : [
          style('red', '✗ not to be trusted:'),
          ...validity.problems.map((problem) => `  ${problem}`),
        ].join('\n'),
    ...validity.notes.map((note) => style('yellow', `! ${note}`)),
    style('dim', `${folder}/report.html`),
  ].join('\n')
}
