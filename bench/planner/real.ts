import { appendFileSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readModel } from '../../src/cli/plan/read-model.ts'
import { thisMachine } from '../../src/cli/plan/this-machine.ts'
import type { Calibration } from '../../src/core/engine-model.ts'
import { AppError } from '../../src/core/errors.ts'
import { engineModels } from '../../src/engines/models.ts'
import { calibrate } from '../../src/planner/calibrate/calibrate.ts'
import { withCalibrations } from '../../src/planner/calibrate/apply.ts'
import { observationOf } from '../../src/planner/calibrate/read-observation.ts'
import { predictRow } from '../../src/planner/predict/predict-row.ts'
import { readRow } from '../../src/planner/predict/row.ts'
import { plan } from '../../src/planner/search/plan.ts'
import { drive, type Point, type Run } from './real/drive.ts'
import { startEmbedded, startLlamaServer } from './real/server.ts'
import { summary } from './real/summary.ts'

/**
 * Plans and predictions against engines that really run here. Each call does a part that fits into two minutes and adds
 * its runs to a file; see README.md.
 */
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    /** The file as published, and the same weights written wider. */
    model: { type: 'string' },
    wide: { type: 'string' },
    'llama-server': { type: 'string' },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: 'real.jsonl' },
    rate: { type: 'string', default: '0.3' },
    seconds: { type: 'string', default: '25' },
    input: { type: 'string', default: '16' },
    output: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    /** Of `calibrate`: users to learn from; the last is foreseen, then measured. */
    users: { type: 'string', default: '1,2,4,3' },
  },
})
const [part = ''] = positionals
const threads = Number(values.threads)
const point: Point = {
  ratePerS: Number(values.rate),
  seconds: Number(values.seconds),
  inputTokens: Number(values.input),
  outputTokens: Number(values.output),
}

const parts: Readonly<Record<string, () => Promise<void>>> = {
  'llama-server': () =>
    paired('llama-server', () =>
      startLlamaServer(needed('llama-server'), needed('model'), threads),
    ),
  embedded: () => paired('embedded', () => startEmbedded(needed('model'), threads, {})),
  calibrate: calibrateHere,
  summary: async () => summary(values.out),
}
const chosen = parts[part]
if (!chosen) throw new Error(`one of ${Object.keys(parts).join(', ')}`)
try {
  await chosen()
} catch (thrown) {
  if (!(thrown instanceof AppError)) throw thrown
  process.stderr.write(`${thrown.code}: ${thrown.message}\n${thrown.hint}\n`)
  process.exitCode = 1
}

type Start = () => ReturnType<typeof startEmbedded>

/** Shipped defaults and plan, or plan and shipped defaults by turns: the same requests, at the same times. */
async function paired(name: string, startDefault: Start): Promise<void> {
  const planned = await recommendation()
  const startPlanned = () => startEmbedded(planned.model, threads, planned.settings)
  const servers = [await startDefault(), await startPlanned()] as const
  try {
    // One half of ABBA; the next seed brings the other.
    const seed = Number(values.seed)
    for (const which of seed % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const run = await drive(servers[which].url, point, seed)
      keep({
        kind: 'pair',
        against: name,
        contender: which === 0 ? name : 'plan',
        seed,
        planned,
        run,
      })
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** What `baleen plan` says with the calibrations made here. */
async function recommendation() {
  const fleet = [thisMachine(threads)]
  const engines = withCalibrations(engineModels, calibrations()).filter(
    ({ name }) => name === 'embedded',
  )
  const found = await Promise.all(
    [needed('model'), ...(values.wide ? [values.wide] : [])].map(async (path) => {
      const { facts } = await readModel(path, '.')
      const { candidates } = plan({
        model: facts,
        fleet,
        workload: {
          name: 'bench',
          inputTokens: { mean: point.inputTokens, spread: 0.29 },
          outputTokens: { mean: point.outputTokens, spread: 0.29 },
          prefixShare: 0,
          slo: [],
          source: 'bench/planner/real.ts',
        },
        slo: [],
        rateRps: point.ratePerS,
        objective: 'latency',
        minQuality: 0.99,
        pinned: { engines },
        tenancy: 'on-demand',
        prices: new Map(),
      })
      return { path, best: candidates[0]! }
    }),
  )
  found.sort((a, b) => a.best.operating.e2e.mean - b.best.operating.e2e.mean)
  const { path, best } = found[0]!
  return {
    model: path,
    settings: {
      sequencesMax: Math.min(256, best.settings.maxSequences),
      batchTokens: best.settings.batchedTokens,
      contextTokens: Math.max(64, best.settings.contextMax),
    },
    e2eMs: best.operating.e2e.mean,
    ttftMs: best.operating.ttft.mean,
  }
}

/** Learns from all numbers of users but the last, foresees that one, measures it. */
async function calibrateHere(): Promise<void> {
  const path = needed('model')
  const { facts } = await readModel(path, '.')
  const here = thisMachine(threads).device
  const catalogues = { model: () => facts, device: () => here }
  const row = (run: Pick<Run, 'at' | 'isl' | 'osl'>) => ({
    ...readRow({ engine: 'embedded', model: path, gpu: 'local', num_gpus: '1' }),
    isl: run.isl,
    osl: run.osl,
    load: String(run.at.users),
  })
  const users = values.users.split(',').map(Number)
  const server = await startEmbedded(path, threads, {})
  const runs: Run[] = []
  try {
    for (const [at, count] of users.entries())
      runs.push(await drive(server.url, { ...point, users: count }, 7 + at))
  } finally {
    await server.stop()
  }
  process.stdout.write(`${runs.map((run) => JSON.stringify(run)).join('\n')}\n`)
  const mean = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0) / list.length
  const observations = runs.map((run, at) =>
    observationOf(
      row(run),
      { tpot: run.tpotMs, ttft: mean(run.ttftMs), e2e: null, throughput: null },
      `${users[at]} users`,
      engineModels,
      catalogues,
    ),
  )
  const last = runs.at(-1)!
  const { calibration } = calibrate(observations.slice(0, -1))
  const foreseen = (engines: Parameters<typeof predictRow>[2]) =>
    predictRow(0, row(last), engines, null, catalogues)
  keep({
    kind: 'calibration',
    model: facts.name,
    calibration,
    learnt: runs
      .slice(0, -1)
      .map((run) => ({ ...run, ttftMs: mean(run.ttftMs), e2eMs: mean(run.e2eMs) })),
    published: foreseen([...engineModels]),
    foreseen: foreseen(withCalibrations(engineModels, [calibration])),
    measured: {
      ...last,
      ttftMs: mean(last.ttftMs),
      e2eMs: mean(last.e2eMs),
      requests: last.e2eMs.length,
    },
  })
}

function calibrations(): Calibration[] {
  return lines(values.out).flatMap((line) =>
    line['kind'] === 'calibration' ? [line['calibration'] as Calibration] : [],
  )
}

function lines(path: string): Record<string, unknown>[] {
  try {
    return readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  } catch {
    return []
  }
}

function keep(line: object): void {
  appendFileSync(values.out, `${JSON.stringify(line)}\n`)
  process.stdout.write(`${JSON.stringify(line).slice(0, 2000)}\n`)
}

function needed(name: 'model' | 'llama-server'): string {
  const value = values[name]
  if (value === undefined) throw new Error(`--${name} is missing`)
  return value
}
