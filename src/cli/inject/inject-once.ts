import type { InjectionReport, InjectionSpec } from '../../contract/injection.ts'
import { readSources } from '../../injector/data/sources.ts'
import { saveRun } from '../../injector/report/save-run.ts'
import { runInjection } from '../../injector/run-injection.ts'
import { exitCodes } from '../exit-code.ts'
import type { InjectContext } from './inject-context.ts'
import { createLiveView } from './live-view.ts'
import { reportText } from './report-text.ts'

/** One run, kept and told. Returns the exit code. */
export async function injectOnce(context: InjectContext, spec: InjectionSpec): Promise<number> {
  const { folder, io, output, flags, base } = context
  const sources = readSources(spec)
  const id = folder.create(Date.now())
  folder.write(id, 'spec.json', `${JSON.stringify(spec, null, 2)}\n`)
  const view = createLiveView(spec, io, output, flags['json-lines'])
  const { report, records } = await runInjection(spec, {
    ...base,
    sources,
    id,
    onProgress: (progress) => view.show(progress),
  }).finally(() => view.end())
  saveRun(folder, report, records)
  output.data(report, () => reportText(report, folder.pathOf(id), output.style))
  return exitCodeOf(report)
}

/** Interrupted, or nothing was answered: scripts should notice. */
function exitCodeOf({ stoppedBy, summary }: InjectionReport): number {
  if (stoppedBy === 'interrupt') return exitCodes.interrupted.code
  return summary.requests > 0 && (summary.outcomes.ok ?? 0) === 0
    ? exitCodes.negative.code
    : exitCodes.ok.code
}
