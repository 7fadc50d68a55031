import { defineCommand } from '../command.ts'
import { connectionFlags, dataDirectory } from '../connection.ts'
import { formatTable } from '../table.ts'

const places = { data: connectionFlags.data, config: connectionFlags.config } as const

export const injectionList = defineCommand({
  name: 'injection list',
  summary: 'Show the runs that were kept',
  examples: ['injection list', 'injection list --json'],
  positionals: [],
  flags: places,
  async run({ flags, io, output }) {
    const { createRunFolder } = await import('../../injector/report/run-folder.ts')
    const { formatMs, formatPercentile, formatRate, formatShare, outcomesText } =
      await import('../../injector/report/figures.ts')
    const reports = createRunFolder(await dataDirectory(flags, io)).list()
    if (reports.length === 0) output.note('No runs yet. `baleen inject URL` makes one.')
    output.data(
      { runs: reports.map(({ id, startedAt, summary }) => ({ id, startedAt, summary })) },
      () =>
        formatTable(
          [
            'run',
            'target',
            'requests/s',
            'TTFT p50',
            'TTFT p99',
            'TPOT p50',
            'attainment',
            'outcomes',
            'trust',
          ],
          reports.map(({ id, spec, summary }) => [
            id,
            `${new URL(spec.url).host} ${spec.models[0]!.name}`,
            formatRate(summary.requestsPerSecond),
            formatMs(summary.ttftMs.p50),
            formatPercentile(summary.ttftMs, 'p99'),
            formatMs(summary.tpotMs.p50),
            formatShare(summary.attainment),
            outcomesText(summary.outcomes),
            summary.validity.isTrustworthy ? 'yes' : 'no',
          ]),
          output.style,
        ),
    )
  },
})

export const injectionShow = defineCommand({
  name: 'injection show',
  summary: 'Show the report of a run',
  details:
    'The same text as at its end; --json gives report.json. --as llm-d gives a llm-d Benchmark Report.',
  examples: ['injection show last', 'injection show 20261123-093000-k3x9 --json'],
  positionals: [{ name: 'run', summary: 'Its name, or last' }],
  flags: {
    ...places,
    as: { kind: 'text', choices: ['llm-d'], summary: "Another tool's format, as JSON" },
  },
  async run({ flags, positionals, io, output }) {
    const { createRunFolder } = await import('../../injector/report/run-folder.ts')
    const { reportText } = await import('../inject/report-text.ts')
    const folder = createRunFolder(await dataDirectory(flags, io))
    const report = folder.report(positionals.run)
    if (flags.as === 'llm-d') {
      const { llmdReport } = await import('../../injector/report/llm-d-report.ts')
      return output.line(JSON.stringify(llmdReport(report), null, 2))
    }
    output.data(report, () => reportText(report, folder.pathOf(report.id), output.style))
  },
})
