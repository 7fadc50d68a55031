import { existsSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { parseWorkload } from '../../planner/workload/parse-workload.ts'
import { sharedInBlocks, type Traffic, workloadOfTraffic } from '../../planner/workload/traffic.ts'
import type { Workload } from '../../planner/workload/workload.ts'
import { type Flags, type FlagValues, usageError } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import type { ControlClient } from '../control-client.ts'
import type { Io } from '../io.ts'

export const workloadFlags = {
  workload: {
    kind: 'text',
    hint: 'NAME|ISL,OSL|FILE|route:NAME',
    summary:
      'chat, rag, code, agents, summarisation, voice, customer-service, classification, reasoning, batch; mean tokens in and out; a trace file; or what a live route gets. Default chat',
  },
  columns: {
    kind: 'text',
    hint: 'input=COLUMN,…',
    summary: 'Columns of a trace file: time, input, output, blocks; unit=s|ms|us',
  },
  url: connectionFlags.url,
  token: connectionFlags.token,
} as const satisfies Flags

export interface GivenWorkload {
  readonly workload: Workload
  /** Of what was recorded; null for a preset. */
  readonly rates: { readonly meanRps: number; readonly peakRps: number } | null
}

type Given = FlagValues<typeof workloadFlags> & { readonly data: string | undefined }

/**
 * A preset, mean lengths, a trace file, or the latest requests of a route. Errors: `planner/bad-request`,
 * `injection/bad-data`, those of a connection to control.
 */
export async function readWorkload(flags: Given, io: Io): Promise<GivenWorkload> {
  const text = flags.workload ?? 'chat'
  const columns = columnsOf(flags.columns)
  if (/^route:/i.test(text)) return recorded(await routeTraffic(text.slice(6), flags, io))
  const path = resolve(io.workingDirectory, text)
  if (existsSync(path) && statSync(path).isFile())
    return recorded(await traceTraffic(path, columns))
  if (/[/.\\]/.test(text))
    throw new AppError('planner/bad-request', { message: `there is no trace file ${path}` })
  return { workload: parseWorkload(text), rates: null }
}

function recorded(traffic: Traffic): GivenWorkload {
  const { workload, meanRps, peakRps } = workloadOfTraffic(traffic, [])
  return { workload, rates: { meanRps, peakRps } }
}

/** Tokens that one hash of Mooncake's traces stands for. */
const blockTokens = 512

async function traceTraffic(
  path: string,
  columns: Readonly<Record<string, string>>,
): Promise<Traffic> {
  const { readRecording } = await import('../../injector/data/recording.ts')
  const recording = readRecording({ path, columns, fromMs: 0, toMs: null })
  const { timesMs, inputTokens, outputTokens, prefixBlocks } = recording
  if (inputTokens === null || outputTokens === null)
    throw new AppError('planner/bad-request', {
      message: `${path} has no column with the tokens of ${inputTokens === null ? 'prompts' : 'answers'}`,
      hint: 'Name them: --columns input=COLUMN,output=COLUMN.',
    })
  return {
    name: basename(path),
    source: basename(path),
    timesMs,
    inputTokens,
    outputTokens,
    sharedTokens: prefixBlocks && sharedInBlocks(prefixBlocks, blockTokens, inputTokens),
  }
}

async function routeTraffic(route: string, flags: Given, io: Io): Promise<Traffic> {
  if (route === '') throw usageError('route: needs the name of a route')
  const control = await connect({ ...flags, config: undefined, timeout: undefined }, io)
  const recorded = await control.requests({ route, limit: 1000 })
  if (recorded.length === 0) await mustBeRoute(route, control)
  const requests = recorded
    .filter(({ outcome, endpoint }) => outcome === 'ok' && endpoint !== 'embeddings')
    .map((one) => ({ ...one, cameMs: one.atMs - one.e2eMs }))
    .toSorted((a, b) => a.cameMs - b.cameMs)
  return {
    name: `route ${route}`,
    source: `the latest requests of ${route}`,
    timesMs: requests.map(({ cameMs }) => cameMs),
    inputTokens: requests.map(({ promptTokens }) => promptTokens),
    outputTokens: requests.map(({ completionTokens }) => completionTokens),
    sharedTokens: requests.map(({ cachedTokens }) => cachedTokens),
  }
}

/** A route that nobody has asked anything yet is another thing than one that is not there. */
async function mustBeRoute(route: string, control: ControlClient): Promise<void> {
  const routes = (await control.deployments()).map(({ spec }) => spec.route ?? spec.name)
  if (routes.includes(route)) return
  throw new AppError('planner/bad-request', {
    message: `there is no route ${route}${routes.length > 0 ? `; there are ${[...new Set(routes)].join(', ')}` : ''}`,
  })
}

const roles = ['time', 'input', 'output', 'blocks', 'unit']

function columnsOf(text: string | undefined): Record<string, string> {
  if (text === undefined) return {}
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [role = '', column = ''] = part.split('=').map((word) => word.trim())
      if (!roles.includes(role) || column === '')
        throw usageError(`--columns is like input=COLUMN,output=COLUMN, of ${roles.join(', ')}`)
      return [role, column]
    }),
  )
}
