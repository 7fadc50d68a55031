import type { InjectionReport } from '../../contract/injection.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { htmlReport } from './html-report.ts'
import { requestsCsv } from './requests-csv.ts'
import type { RunFolder } from './run-folder.ts'

/** Everything that is kept of a run; `report.json` last, because its presence says that the run is complete. */
export function saveRun(
  folder: RunFolder,
  report: InjectionReport,
  records: readonly RequestRecord[],
): void {
  folder.write(report.id, 'requests.csv', requestsCsv(report.spec, records))
  folder.write(report.id, 'report.html', htmlReport(report, records))
  folder.write(report.id, 'report.json', `${JSON.stringify(report)}\n`)
}
