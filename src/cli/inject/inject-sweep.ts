import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { injectionSweep } from '../../contract/injection-study.ts'
import { formatDurationMs } from '../../core/units.ts'
import { formatMs, formatRate, formatShare } from '../../injector/report/figures.ts'
import { htmlSweep } from '../../injector/report/html-study.ts'
import { readSources } from '../../injector/data/sources.ts'
import { runSweep } from '../../injector/sweep.ts'
import { exitCodes } from '../exit-code.ts'
import { documentText } from './document-text.ts'
import { parseShare, type InjectContext } from './inject-context.ts'
import { keepDocument } from './inject-once.ts'
import { createLiveView } from './live-view.ts'

/** Looks for the highest rate. Exit 5: no rate meets the SLO. */
export async function injectSweep(context: InjectContext, spec: InjectionSpec): Promise<number> {
  const { library, io, output, flags, base } = context
  const { folder } = library
  const id = folder.create(Date.now())
  folder.write(id, 'spec.json', `${JSON.stringify(spec, null, 2)}\n`)
  let view = createLiveView(spec, io, output, flags['json-lines'])
  const sweep = await runSweep(spec, {
    ...base,
    sources: readSources(spec),
    id,
    target: parseShare('--target', flags.target ?? '99%'),
    tolerance: parseShare('--tolerance', flags.tolerance ?? '5%'),
    rateMaxPerS: Number(flags['max-rate'] ?? 100_000),
    onProbe({ ratePerS, durationMs }, number) {
      output.note(
        `probe ${number}: ${formatRate(ratePerS)} requests/s for ${formatDurationMs(Math.round(durationMs / 1000) * 1000)}`,
      )
      const load = { kind: 'open', arrivals: 'poisson', ratePerS } as const
      view = createLiveView({ ...spec, load, durationMs }, io, output, flags['json-lines'])
    },
    onProgress: (progress) => view.show(progress),
    onProbeEnd({ report: { summary } }) {
      view.end()
      output.note(
        [
          `  ${summary.requests} requests`,
          ...(Object.keys(spec.slo).length > 0
            ? [`${formatShare(summary.attainment)} within the SLO`]
            : []),
          `TTFT p50 ${formatMs(summary.ttftMs.p50)} ms`,
          ...(summary.steadyState.isSaturated ? ['more than the server can take'] : []),
          ...summary.validity.problems,
        ].join(', '),
      )
    },
  }).finally(() => view.end())
  folder.write(id, 'sweep.html', htmlSweep(sweep))
  folder.write(id, 'sweep.json', `${JSON.stringify(injectionSweep.parse(sweep))}\n`)
  await keepDocument(context, sweep)
  output.data(sweep, () => documentText(sweep, folder.pathOf(id), output.style))
  if (io.interrupt.aborted) return exitCodes.interrupted.code
  const hasLimits = Object.keys(spec.slo).length > 0
  return hasLimits && sweep.result.ratePerS === null ? exitCodes.negative.code : exitCodes.ok.code
}
