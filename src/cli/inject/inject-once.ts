import type { InjectionReport } from '../../contract/injection.ts'
import type { InjectionSpec } from '../../contract/injection-spec.ts'
import type { InjectionDocument } from '../../contract/injection-head.ts'
import { readSources } from '../../injector/data/sources.ts'
import { saveRun } from '../../injector/report/save-run.ts'
import { runInjection } from '../../injector/run-injection.ts'
import { exitCodes } from '../exit-code.ts'
import type { InjectContext } from './inject-context.ts'
import { createLiveView } from './live-view.ts'
import { reportText } from './report-text.ts'

/** One run, kept and told. Returns the exit code. */
export async function injectOnce(context: InjectContext, spec: InjectionSpec): Promise<number> {
  const { library, io, output, flags, base } = context
  const { folder } = library
  const sources = readSources(spec)
  const id = folder.create(Date.now())
  folder.write(id, 'spec.json', `${JSON.stringify(spec, null, 2)}\n`)
  const view = createLiveView(spec, io, output, flags['json-lines'])
  const { report, records } = await runInjection(spec, {
    ...base,
    sources,
    id,
    folder: folder.pathOf(id),
    onProgress: (progress) => view.show(progress),
  }).finally(() => view.end())
  saveRun(folder, report, records)
  await keepDocument(context, report)
  output.data(report, () => reportText(report, folder.pathOf(id), output.style))
  return exitCodeOf(report)
}

/** Into the store; where that can't be had the folder has it all the same, and the person is told. */
export async function keepDocument(
  { library, output }: InjectContext,
  document: InjectionDocument,
): Promise<void> {
  const problem = await library.keep(document)
  if (problem !== null)
    output.note(`not in the store (${problem}); kept in ${library.folder.pathOf(document.id)}`)
}

/** Interrupted, or nothing was answered: scripts should notice. */
function exitCodeOf({ stoppedBy, summary }: InjectionReport): number {
  if (stoppedBy === 'interrupt') return exitCodes.interrupted.code
  return summary.requests > 0 && (summary.outcomes.ok ?? 0) === 0
    ? exitCodes.negative.code
    : exitCodes.ok.code
}
