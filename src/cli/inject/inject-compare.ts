import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { injectionComparison } from '../../contract/injection-study.ts'
import { readSources } from '../../injector/data/sources.ts'
import { compareTargets } from '../../injector/compare-targets.ts'
import { formatMs } from '../../injector/report/figures.ts'
import { htmlComparison } from '../../injector/report/html-study.ts'
import { exitCodes } from '../exit-code.ts'
import { documentText } from './document-text.ts'
import type { InjectContext } from './inject-context.ts'
import { keepDocument } from './inject-once.ts'
import { createLiveView } from './live-view.ts'

/** Two targets ABBA. Exit 5: they can't be compared. */
export async function injectCompare(
  context: InjectContext,
  a: InjectionSpec,
  b: InjectionSpec,
): Promise<number> {
  const { library, io, output, flags, base } = context
  const { folder } = library
  const id = folder.create(Date.now())
  for (const [name, spec] of Object.entries({ a, b }))
    folder.write(id, `spec-${name}.json`, `${JSON.stringify(spec, null, 2)}\n`)
  let view = createLiveView(a, io, output, flags['json-lines'])
  const armOf = (spec: InjectionSpec) => ({
    spec,
    options: {
      ...base,
      sources: readSources(spec),
      id,
      onProgress: (progress: Parameters<typeof view.show>[0]) => view.show(progress),
    },
  })
  const comparison = await compareTargets(armOf(a), armOf(b), {
    id,
    pairs: flags.pairs ?? 8,
    interrupt: io.interrupt,
    onRun(arm) {
      view = createLiveView({ a, b }[arm], io, output, flags['json-lines'])
    },
    onRunEnd(arm, pair, { report: { summary } }) {
      view.end()
      output.note(
        [
          `pair ${pair + 1} ${arm.toUpperCase()}: ${summary.requests} requests`,
          `TTFT p50 ${formatMs(summary.ttftMs.p50)} ms`,
          `TPOT p50 ${formatMs(summary.tpotMs.p50)} ms`,
          ...summary.validity.problems,
        ].join(', '),
      )
    },
  }).finally(() => view.end())
  folder.write(id, 'comparison.html', htmlComparison(comparison))
  folder.write(id, 'comparison.json', `${JSON.stringify(injectionComparison.parse(comparison))}\n`)
  await keepDocument(context, comparison)
  output.data(comparison, () => documentText(comparison, folder.pathOf(id), output.style))
  if (io.interrupt.aborted) return exitCodes.interrupted.code
  return comparison.objections.length > 0 ? exitCodes.negative.code : exitCodes.ok.code
}
