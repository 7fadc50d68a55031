import type { InjectionReport, InjectionSpec } from '../../contract/injection.ts'
import { AppError } from '../../core/errors.ts'
import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags, dataDirectory } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { specFlags } from '../inject/inject-flags.ts'

export const inject = defineCommand({
  name: 'inject',
  summary: 'Put load on an endpoint and measure what its users would see',
  details:
    'Works against any OpenAI-compatible endpoint. Requests are sent when the schedule says, whatever the server does; latency counts from that moment. Every run is kept with its spec in runs/ of the data directory and can be made again with --again.',
  examples: [
    'inject http://127.0.0.1:8080 --rate 5 --duration 30s',
    'inject my-model --rate 20 --arrivals gamma:cv=3 --workload chat --slo ttft=500ms,tpot=50ms',
    'inject URL --users 16 --duration 1m --ignore-eos --output-tokens 128',
    'inject URL --trace azure.csv --arrivals trace:scale=time --rate 2 --duration 5m',
    'inject --again last',
  ],
  positionals: [
    {
      name: 'target',
      summary: 'URL of the endpoint, or a deployment',
      isOptional: true,
      completes: 'deployment',
    },
  ],
  flags: {
    ...specFlags,
    again: {
      kind: 'text',
      hint: 'RUN',
      summary: 'Make a kept run again, from its spec; last: the youngest',
    },
    spec: { kind: 'text', hint: 'FILE', summary: 'Take the spec from a file' },
    key: { kind: 'text', hint: 'KEY', summary: 'API key (BALEEN_API_KEY)' },
    header: {
      kind: 'text',
      repeats: true,
      hint: 'NAME: VALUE',
      summary: 'Sent with every request',
    },
    'json-lines': { kind: 'boolean', summary: 'Write progress as JSON lines to stdout too' },
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const { createRunFolder } = await import('../../injector/report/run-folder.ts')
    const { saveRun } = await import('../../injector/report/save-run.ts')
    const { runInjection } = await import('../../injector/run-injection.ts')
    const { readSources } = await import('../../injector/data/sources.ts')
    const { createLiveView } = await import('../inject/live-view.ts')
    const { reportText } = await import('../inject/report-text.ts')

    const folder = createRunFolder(await dataDirectory(flags, io))
    const spec = await chooseSpec()
    const sources = readSources(spec)
    const id = folder.create(Date.now())
    folder.write(id, 'spec.json', `${JSON.stringify(spec, null, 2)}\n`)
    const view = createLiveView(spec, io, output, flags['json-lines'])
    const { report, records } = await runInjection(spec, {
      id,
      apiKey: flags.key ?? io.environment.apiKey,
      headers: parseHeaders(flags.header),
      ...sources,
      interrupt: io.interrupt,
      onProgress: (progress) => view.show(progress),
    }).finally(() => view.end())
    saveRun(folder, report, records)
    output.data(report, () => reportText(report, folder.pathOf(id), output.style))
    return exitCodeOf(report)

    async function chooseSpec(): Promise<InjectionSpec> {
      if (flags.again !== undefined) return folder.spec(flags.again)
      if (flags.spec !== undefined) return readSpec(flags.spec)
      if (positionals.target === undefined)
        throw usageError('TARGET is missing', 'Name a URL or a deployment.')
      const { parseModel, specFromFlags } = await import('../inject/spec-from-flags.ts')
      const target = await findTarget(positionals.target)
      const named = flags.model.map(parseModel)
      const { createEndpointCalls } = await import('../../injector/drive/endpoint-calls.ts')
      const calls = createEndpointCalls(target.url, flags.key ?? io.environment.apiKey)
      const models =
        named.length > 0 ? named : [{ name: target.model ?? (await calls.firstModel()), weight: 1 }]
      const built = specFromFlags(flags, target.url, models)
      if (!flags['exact-tokens']) return built
      const { calibrate } = await import('../../injector/drive/calibrate.ts')
      return calibrate(built, calls)
    }

    /** A URL as it is; anything else is a deployment of this Baleen. */
    async function findTarget(text: string): Promise<{ url: string; model: string | null }> {
      if (/^https?:\/\//i.test(text) || /^[\w.-]+:\d+/.test(text)) {
        const { parseUrl } = await import('../../injector/drive/target.ts')
        return { url: parseUrl(text).href.replace(/\/$/, ''), model: null }
      }
      const control = await connect(flags, io)
      const { routeOf } = await import('../deployment-table.ts')
      const found = (await control.deployments()).find(({ spec }) => spec.name === text)
      if (!found)
        throw new AppError('deployment/not-found', { message: `there is no deployment "${text}"` })
      const { gatewayUrl } = await control.status()
      return { url: `${gatewayUrl}/v1`, model: routeOf(found) }
    }
  },
})

async function readSpec(path: string): Promise<InjectionSpec> {
  const { readFileSync } = await import('node:fs')
  const { injectionSpec } = await import('../../contract/injection.ts')
  try {
    return injectionSpec.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new AppError('injection/bad-spec', {
      message: `${path} is no spec: ${(cause as Error).message}`,
      cause,
    })
  }
}

function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers = lines.map((line) => {
    const [name = '', value] = line.split(/:\s*(.*)/s)
    if (value === undefined) throw usageError(`--header "${line}" has no colon`)
    return [name.toLowerCase(), value]
  })
  return Object.fromEntries(headers) as Record<string, string>
}

/** Interrupted, or nothing was answered: scripts should notice. */
function exitCodeOf({ stoppedBy, summary }: InjectionReport): number {
  if (stoppedBy === 'interrupt') return exitCodes.interrupted.code
  return summary.requests > 0 && (summary.outcomes.ok ?? 0) === 0
    ? exitCodes.negative.code
    : exitCodes.ok.code
}
