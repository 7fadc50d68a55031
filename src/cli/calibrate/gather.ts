import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { RequestView } from '../../contract/api.ts'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { injectionReport, type InjectionReport } from '../../contract/injection.ts'
import { parseCsv } from '../../core/csv.ts'
import type { EngineModel } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'
import type { Observation } from '../../planner/calibrate/observation.ts'
import {
  observationOf,
  readTableRow,
  resultColumns,
} from '../../planner/calibrate/read-observation.ts'
import { type Served, windowsOf } from '../../planner/calibrate/windows.ts'
import type { RowInput } from '../../planner/predict/row.ts'
import { missingColumns } from '../plan/run-columns.ts'
import type { FlagValues } from '../command.ts'
import { cataloguesWith } from '../plan/catalogues.ts'
import { type subjectFlags, subjectRow } from './subject-flags.ts'

export interface Gathering {
  readonly flags: FlagValues<typeof subjectFlags>
  readonly engines: readonly EngineModel[]
  readonly workingDirectory: string
  /** `runs/` of the data directory. */
  readonly report: (run: string) => InjectionReport
}

/** Runs from a CSV table, a report, a folder that holds one, or the name of a kept injection. */
export async function gather(source: string, gathering: Gathering): Promise<Observation[]> {
  const path = resolve(gathering.workingDirectory, source)
  if (/\.csv$/i.test(source)) return fromTable(path, gathering)
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'report.json') : path
  const report = existsSync(file) ? readReport(file) : gathering.report(source)
  return [await fromReport(report, gathering)]
}

async function fromTable(
  path: string,
  { engines, workingDirectory }: Gathering,
): Promise<Observation[]> {
  const rows = parseCsv(read(path))
  const [first] = rows
  const missing = missingColumns(first ?? {})
  if (!first || missing.length > 0)
    throw bad(first ? `${path} lacks ${missing.join(', ')}` : `${path} has no rows`)
  if (!Object.values(resultColumns).some((name) => name in first))
    throw bad(`${path} has no results: none of ${Object.values(resultColumns).join(', ')}`)
  const catalogues = await cataloguesWith(
    rows.map(({ model }) => model ?? ''),
    workingDirectory,
  )
  return rows.map((cells, at) =>
    readTableRow(cells, `row ${at + 1} of ${basename(path)}`, engines, catalogues),
  )
}

async function fromReport(report: InjectionReport, gathering: Gathering): Promise<Observation> {
  const { id, spec, summary } = report
  // Tokens a second over requests a second would count different requests: a window cuts both off elsewhere.
  const [isl, osl] = [summary.promptTokens?.mean ?? null, summary.outputTokens?.mean ?? null]
  const label = `injection ${id}`
  if (!summary.validity.isTrustworthy)
    throw bad(
      `${label} is not to be trusted: ${summary.validity.problems.join('; ')}`,
      'Repeat it; what the client could not keep up with says nothing of the server.',
    )
  if (spec.load.kind === 'open' && summary.steadyState.isSaturated)
    throw bad(
      `${label} had more load than the server could take: its times grow with its length`,
      'Inject at rates that it can carry, or with --users.',
    )
  if (isl === null || osl === null)
    throw bad(`${label} does not know how many tokens its prompts and answers had`)
  const row: RowInput = {
    ...subjectRow(gathering.flags),
    isl,
    osl,
    prefixShare: summary.cachedTokenShare,
    load: spec.load.kind === 'closed' ? String(spec.load.users) : '',
    rateRps: spec.load.kind === 'open' ? summary.offeredPerSecond : null,
  }
  const measured = {
    tpot: summary.tpotMs.mean,
    ttft: summary.ttftMs.mean,
    e2e: summary.e2eMs.mean,
    throughput: summary.outputTokensPerSecond,
  }
  const catalogues = await cataloguesWith([row.model], gathering.workingDirectory)
  return observationOf(row, measured, label, gathering.engines, catalogues)
}

/** What the gateway wrote down of a deployment's latest requests, in stretches. */
export async function fromDeployment(
  { name, replicas }: DeploymentSpec,
  requests: readonly RequestView[],
  { flags, engines, workingDirectory }: Gathering,
): Promise<Observation[]> {
  const served = requests.flatMap((one): Served[] => {
    if (one.deployment !== name || one.outcome !== 'ok' || !one.stream || one.isEstimated) return []
    if (one.ttftMs === null) return []
    return [
      {
        atMs: one.atMs - one.e2eMs,
        promptTokens: one.promptTokens,
        cachedTokens: one.cachedTokens,
        answerTokens: one.completionTokens,
        ttftMs: Math.max(0.1, one.ttftMs - one.holdMs),
        e2eMs: one.e2eMs - one.holdMs,
      },
    ]
  })
  const row = subjectRow(flags)
  const catalogues = await cataloguesWith([row.model], workingDirectory)
  return windowsOf(served).map((window) =>
    observationOf(
      {
        ...row,
        // Replicas on one machine share it; each sees its part of the requests.
        isl: window.isl,
        osl: window.osl,
        prefixShare: window.prefixShare,
        rateRps: window.rateRps / Math.max(1, replicas),
        load: '',
      },
      { tpot: window.tpotMs, ttft: window.ttftMs, e2e: null, throughput: null },
      `${window.requests} requests from ${new Date(window.fromMs).toISOString().slice(0, 19)}`,
      engines,
      catalogues,
    ),
  )
}

function readReport(path: string): InjectionReport {
  const parsed = injectionReport.safeParse(parseJson(path))
  if (parsed.success) return parsed.data
  throw bad(`${path} is no report of an injection`, 'Give report.json of a run, or its folder.')
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(read(path))
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw bad(`${path} is no JSON`)
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw bad(`can't read ${path}: ${(thrown as Error).message}`)
  }
}

const bad = (message: string, hint?: string): AppError =>
  new AppError('planner/bad-calibration', hint === undefined ? { message } : { message, hint })
