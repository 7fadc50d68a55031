import type { InjectionReport } from '../../contract/injection.ts'
import { latencyTable, resultRows } from '../../injector/report/figures.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'

/** A report for a terminal. */
export function reportText(report: InjectionReport, folder: string, style: Style): string {
  const { summary } = report
  const { validity } = summary
  const latency = latencyTable(summary)
  const rows = resultRows(summary)
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return [
    ...rows.map(([name, value]) => `${style('dim', name.padEnd(width))}${value}`),
    '',
    formatTable(latency.header, latency.rows, style),
    ...(latency.rows.some((row) => row.some((cell) => cell.startsWith('≥')))
      ? [style('dim', '≥: too few samples to claim it; at least that much, with 99 % confidence')]
      : []),
    ...report.faults.map(
      (fault) =>
        `${style('yellow', fault.name)}  lost ${fault.lost}, recovered ${fault.recoveredAfterMs === null ? 'not within the run' : `after ${Math.round(fault.recoveredAfterMs)} ms`}${fault.isUndone ? '' : style('red', '  NOT UNDONE')}`,
    ),
    '',
    validity.isTrustworthy
      ? style('green', '✓ the client kept up: these are figures of the server')
      : [
          style('red', '✗ not to be trusted:'),
          ...validity.problems.map((problem) => `  ${problem}`),
        ].join('\n'),
    ...validity.notes.map((note) => style('dim', `  ${note}`)),
    style('dim', `${folder}/report.html`),
  ].join('\n')
}
