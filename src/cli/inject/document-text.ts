import type { InjectionDocument } from '../../contract/injection-head.ts'
import {
  armName,
  comparisonTable,
  sweepSentence,
  sweepTable,
} from '../../injector/report/html-study.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'
import { reportText } from './report-text.ts'

/** Whatever an injection ended with, for a terminal. */
export function documentText(document: InjectionDocument, folder: string, style: Style): string {
  switch (document.kind) {
    case 'injection-report':
      return reportText(document, folder, style)
    case 'injection-sweep':
      return [
        formatTable(...sweepTable(document), style),
        '',
        sweepSentence(document),
        style('dim', `${folder}/sweep.html`),
      ].join('\n')
    case 'injection-comparison':
      return [
        `A ${armName(document.a)}`,
        `B ${armName(document.b)}`,
        '',
        formatTable(...comparisonTable(document), style),
        ...document.leftOut.map((text) => style('dim', `left out: ${text}`)),
        ...document.objections.map((text) => style('red', `✗ ${text}`)),
        style('dim', `${folder}/comparison.html`),
      ].join('\n')
  }
}
