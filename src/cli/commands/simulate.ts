import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { scenario as scenarioSchema, type Scenario } from '../../contract/scenario.ts'
import { AppError } from '../../core/errors.ts'
import { defineCommand, usageError } from '../command.ts'
import { writeAskedFile } from '../write-file.ts'
import { calibrationFlags } from '../plan/planner-engines.ts'

export const simulate = defineCommand({
  name: 'simulate',
  summary: 'Play a workload through simulated engines, replicas and failures',
  details:
    "Plays the requests of a scenario file, or of a trace that it names, through the gateway's own routing and through engines whose memory and step times the planner knows. The same file and seed give the same event log, byte by byte.",
  examples: [
    'simulate --example > scenario.yaml',
    'simulate scenario.yaml --chart timeline.html',
    'simulate scenario.yaml --json --events events.jsonl',
  ],
  positionals: [{ name: 'file', summary: 'Scenario', isOptional: true, completes: 'file' }],
  flags: {
    seed: { kind: 'integer', summary: 'Instead of the seed of the file' },
    chart: { kind: 'text', hint: 'FILE', summary: 'Draw the timeline: .html or .svg' },
    events: { kind: 'text', hint: 'FILE', summary: 'Write the event log, a JSON line each' },
    example: { kind: 'boolean', summary: 'Show a scenario file with every part in it' },
    ...calibrationFlags,
  },
  async run({ flags, positionals, io, output }) {
    if (flags.example) {
      const { exampleScenario } = await import('../simulate/example-scenario.ts')
      return void io.stdout.write(exampleScenario)
    }
    if (positionals.file === undefined)
      throw usageError('FILE is missing', '`baleen simulate --example` shows one.')
    if (flags.chart !== undefined && !/\.(html|svg)$/.test(flags.chart))
      throw usageError('--chart takes a file that ends in .html or .svg')
    const path = resolve(io.workingDirectory, positionals.file)
    const written = await readScenarioFile(path)
    const scenario = flags.seed === undefined ? written : { ...written, seed: flags.seed }

    const { plannerEngines } = await import('../plan/planner-engines.ts')
    const { cataloguesWith } = await import('../plan/catalogues.ts')
    const { simulate: run } = await import('../../simulator/simulate.ts')
    const { summarise } = await import('../../simulator/results/summarise.ts')
    const { calibratedPools, simulationSetup } =
      await import('../../simulator/scenario/simulation-setup.ts')
    const lines: string[] = []
    const names = scenario.pools.map(({ deployment }) => deployment?.model ?? '')
    const engines = await plannerEngines(flags, io, output)
    const catalogues = await cataloguesWith(names, dirname(path))
    const recording = await readTrace(scenario, path)
    const setup = simulationSetup(scenario, engines, recording, catalogues)
    const calibrated = calibratedPools(scenario, engines, catalogues)
    for (const name of calibrated)
      output.note(`pool ${name}: step times by your own calibration (--calibration none: without)`)
    const result = run({
      ...setup,
      sampleMs: sampleMsOf(scenario),
      ...(flags.events === undefined ? {} : { log: (line: string) => void lines.push(line) }),
    })
    const { ttft, tpot, e2e } = scenario.slo
    const summary = summarise(result, { ttftMs: ttft, tpotMs: tpot, e2eMs: e2e })

    const write = (file: string, text: string) =>
      writeAskedFile(resolve(io.workingDirectory, file), text)
    if (flags.events !== undefined) write(flags.events, `${lines.join('\n')}\n`)
    if (flags.chart !== undefined) {
      const { timelineHtml, timelineSvg } = await import('../simulate/timeline.ts')
      const isPage = flags.chart.endsWith('.html')
      const title = `Simulation of ${positionals.file}`
      write(
        flags.chart,
        isPage ? timelineHtml(title, scenario, result, summary) : timelineSvg(scenario, result),
      )
    }
    const { reportText } = await import('../simulate/report-text.ts')
    output.data({ seed: scenario.seed, calibrated, summary, timeline: result.samples }, () =>
      reportText(summary, output.style),
    )
  },
})

async function readScenarioFile(path: string): Promise<Scenario> {
  const { parseYaml } = await import('../../server/config-file.ts')
  try {
    return parseYaml(readFileSync(path, 'utf8'), path, scenarioSchema)
  } catch (thrown) {
    throw new AppError('simulation/bad-scenario', {
      message: thrown instanceof AppError ? thrown.message : `can't read ${path}`,
      cause: thrown,
    })
  }
}

/** The trace that a scenario names, beside its own file. */
async function readTrace({ workload }: Scenario, scenarioPath: string) {
  if (workload.trace === undefined) return null
  const { readRecording } = await import('../../injector/data/recording.ts')
  const path = resolve(dirname(scenarioPath), workload.trace)
  try {
    return readRecording({ path, columns: workload.columns ?? {}, fromMs: 0, toMs: null })
  } catch (thrown) {
    if (!(thrown instanceof AppError) || !existsSync(path)) throw thrown
    throw new AppError('simulation/bad-scenario', {
      message: thrown.message,
      hint: 'Name its columns in the scenario: workload: { trace: FILE, columns: { time: Timestamp, input: Tokens } }.',
      cause: thrown,
    })
  }
}

/** About as many points as a chart has pixels to show. */
const sampleMsOf = ({ end, workload }: Scenario): number =>
  Math.min(10_000, Math.max(100, (end ?? workload.duration ?? 60_000) / 200))
