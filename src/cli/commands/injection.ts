import { defineCommand, usageError } from '../command.ts'
import { connectionFlags } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { injectFlags } from '../inject/inject-context.ts'
import { formatTable } from '../table.ts'
import { inject } from './inject.ts'

export const injectionList = defineCommand({
  name: 'injection list',
  summary: 'Show kept injections, newest first',
  examples: ['injection list', 'injection list --limit 5 --json'],
  positionals: [],
  flags: {
    ...connectionFlags,
    limit: { kind: 'integer', hint: 'N', summary: 'At most so many (50)' },
  },
  async run({ flags, io, output }) {
    const { createRunLibrary } = await import('../inject/run-library.ts')
    const { headTable } = await import('../inject/head-table.ts')
    const library = await createRunLibrary(flags, io)
    const injections = await library.list(flags.limit ?? 50)
    if (injections.length === 0) output.note('No injections yet. `baleen inject URL` makes one.')
    output.data({ injections }, () => formatTable(...headTable(injections), output.style))
  },
})

export const injectionShow = defineCommand({
  name: 'injection show',
  summary: 'Show the report of an injection',
  details:
    'The same text as at its end; --json gives report.json. --as llm-d gives a llm-d Benchmark Report. HTML and CSV lie in the folder of the run.',
  examples: ['injection show last', 'injection show 20261123-093000-k3x9 --json'],
  positionals: [{ name: 'run', summary: 'Its name, or last' }],
  flags: {
    ...connectionFlags,
    as: { kind: 'text', choices: ['llm-d'], summary: "Another tool's format, as JSON" },
  },
  async run({ flags, positionals, io, output }) {
    const { createRunLibrary } = await import('../inject/run-library.ts')
    const { documentText } = await import('../inject/document-text.ts')
    const library = await createRunLibrary(flags, io)
    const document = await library.get(positionals.run)
    if (flags.as === 'llm-d') {
      if (document.kind !== 'injection-report')
        throw usageError('--as llm-d is of a single run, not of a sweep or comparison')
      const { llmdReport } = await import('../../injector/report/llm-d-report.ts')
      return output.line(JSON.stringify(llmdReport(document), null, 2))
    }
    output.data(document, () =>
      documentText(document, library.folder.pathOf(document.id), output.style),
    )
  },
})

export const injectionCompare = defineCommand({
  name: 'injection compare',
  summary: 'Put kept runs side by side, each against the first',
  details:
    'Shows figures, not verdicts: runs made at different times differ by chance too. `inject --compare` runs both in turn and says whether a difference is one.',
  examples: ['injection compare 20261123-093000-k3x9 last'],
  positionals: [{ name: 'runs', summary: 'Two or more names', repeats: true }],
  flags: connectionFlags,
  async run({ flags, positionals, io, output }) {
    if (positionals.runs.length < 2) throw usageError('name two runs or more')
    const { createRunLibrary } = await import('../inject/run-library.ts')
    const { compareKept, keptTable } = await import('../inject/compare-kept.ts')
    const library = await createRunLibrary(flags, io)
    const documents = await Promise.all(positionals.runs.map((run) => library.get(run)))
    const reports = documents.map((document) => {
      if (document.kind === 'injection-report') return document
      throw usageError(`${document.id} is a sweep or comparison, not a run`)
    })
    const comparison = compareKept(reports)
    output.data(comparison, () =>
      [
        formatTable(...keptTable(comparison), output.style),
        ...comparison.differences.map((text) => output.style('yellow', `! ${text}`)),
      ].join('\n'),
    )
    return comparison.differences.length > 0 ? exitCodes.negative.code : exitCodes.ok.code
  },
})

export const injectionAgain = defineCommand({
  name: 'injection again',
  summary: 'Make a kept run again: same spec, same seed',
  examples: ['injection again last', 'injection again 20261123-093000-k3x9 --seed 2'],
  positionals: [{ name: 'run', summary: 'Its name, or last' }],
  flags: {
    ...connectionFlags,
    seed: injectFlags.seed,
    key: injectFlags.key,
    header: injectFlags.header,
    'i-own-this': injectFlags['i-own-this'],
    'json-lines': injectFlags['json-lines'],
  },
  async run({ flags, positionals, io, output }) {
    const unset = Object.entries(injectFlags).map(([name, flag]) => [
      name,
      flag.kind === 'boolean' ? false : 'repeats' in flag ? [] : undefined,
    ])
    const all: unknown = { ...Object.fromEntries(unset), ...flags, again: positionals.run }
    return inject.run({
      flags: all as Parameters<typeof inject.run>[0]['flags'],
      positionals: { targets: [] as never },
      io,
      output,
    })
  },
})

export const injectionRemove = defineCommand({
  name: 'injection rm',
  summary: 'Forget injections and delete their folders',
  examples: ['injection rm 20261123-093000-k3x9'],
  positionals: [{ name: 'runs', summary: 'Their names', repeats: true }],
  flags: connectionFlags,
  async run({ flags, positionals, io, output }) {
    const { createRunLibrary } = await import('../inject/run-library.ts')
    const library = await createRunLibrary(flags, io)
    for (const run of positionals.runs) {
      await library.remove(run)
      output.note(`${run} is gone`)
    }
  },
})

export const injectionAgent = defineCommand({
  name: 'injection agent',
  summary: 'Send a share of the load that a coordinator elsewhere plans',
  details:
    'Serves one run at a time to whoever has the token, until Ctrl-C; when the coordinator is gone its load ends. The connection is encrypted and both sides prove that they know the token, which is never sent (TLS with a pre-shared key). Only this machine and hosts named with --allow may be loaded.',
  examples: [
    'injection agent --agent-token token.txt --allow gpu-box',
    'injection agent --listen 10.0.0.5:7070 --agent-token token.txt --allow 10.0.0.9',
  ],
  positionals: [],
  flags: {
    listen: { kind: 'text', hint: 'HOST:PORT', summary: 'Where to listen (127.0.0.1:7070)' },
    'agent-token': injectFlags['agent-token'],
    ordinary: injectFlags.ordinary,
    allow: {
      kind: 'text',
      repeats: true,
      hint: 'HOST',
      summary: 'Host that may be loaded, as the coordinator names it; *: any',
    },
  },
  async run({ flags, io, output }) {
    const { readAgentToken } = await import('../inject/inject-context.ts')
    const { startAgent } = await import('../../injector/agents/agent.ts')
    const listen = flags.listen ?? '127.0.0.1:7070'
    const match = /^(?:\[([\da-f:]+)\]|([^:]+)):(\d+)$/i.exec(listen)
    if (!match || Number(match[3]) > 65_535)
      throw usageError(`--listen is HOST:PORT, not "${listen}"`)
    const agent = await startAgent({
      host: match[1] ?? match[2]!,
      port: Number(match[3]),
      token: readAgentToken(flags['agent-token'], io),
      allowed: flags.allow,
      isUrgent: !flags.ordinary,
      onEvent: (text) => output.note(text),
    })
    output.note(`listening on ${agent.url}`)
    await new Promise<void>((resolve) => {
      if (io.interrupt.aborted) resolve()
      io.interrupt.addEventListener('abort', () => resolve())
    })
    await agent.close()
  },
})
