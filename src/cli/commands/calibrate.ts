import type { CalibrationFile } from '../../contract/calibration.ts'
import type { Observation } from '../../planner/calibrate/observation.ts'
import { subjectFlags } from '../calibrate/subject-flags.ts'
import { defineCommand, usageError } from '../command.ts'
import { connectionFlags } from '../connection.ts'

export const calibrate = defineCommand({
  name: 'calibrate',
  summary: 'Fit the predictions to what you measured',
  details:
    'Takes reports of injections (report.json, its folder, or the name of a kept run), tables in the form of `predict` with ttft_ms, tpot_ms, e2e_ms or throughput_tok_s, or what the gateway saw of a deployment lately. Starts from the published coefficients, which hold where your runs say little. Says how far the error fell, also on conditions that it was not shown, and keeps the result in calibrations/ of the data directory, where plan, predict and simulate find it. Refused where it would foresee unseen runs worse.',
  examples: [
    'calibrate runs.csv',
    'calibrate last ./run-at-4 ./run-at-8 --engine vllm --model llama-3.1-8b --gpu l40s:1',
    'calibrate --deployment tiny',
    'calibrate last RUN RUN --deployment tiny',
    'calibrate runs.csv --dry-run --json',
  ],
  positionals: [
    {
      name: 'runs',
      summary: 'Tables, reports, folders of reports, names of kept runs',
      isOptional: true,
      repeats: true,
      completes: 'file',
    },
  ],
  flags: {
    deployment: {
      kind: 'text',
      hint: 'NAME',
      summary: 'Its latest requests; beside runs: what ran in them',
    },
    ...subjectFlags,
    'dry-run': { kind: 'boolean', summary: 'Say what it comes to and keep nothing' },
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const { runs } = positionals
    if (runs.length === 0 && flags.deployment === undefined)
      throw usageError('name what you measured: files, runs, or --deployment NAME')
    const { engineModels } = await import('../../engines/models.ts')
    const { calibrate: fit } = await import('../../planner/calibrate/calibrate.ts')
    const { fromDeployment, gather } = await import('../calibrate/gather.ts')
    const { calibrationName, createCalibrationFolder } =
      await import('../calibrate/calibration-folder.ts')
    const { connect, dataDirectory } = await import('../connection.ts')
    const { createRunFolder } = await import('../../injector/report/run-folder.ts')
    const { calibrationText } = await import('../calibrate/report-text.ts')

    const directory = await dataDirectory(flags, io)
    const gathering = (given: typeof flags) => ({
      flags: given,
      engines: engineModels,
      workingDirectory: io.workingDirectory,
      report: (run: string) => createRunFolder(directory).report(run),
    })
    const observations: Observation[] = []
    let subject = flags
    if (flags.deployment !== undefined) {
      const control = await connect(flags, io)
      const { spec } = await control.deployment(flags.deployment)
      const { deployedSubject } = await import('../calibrate/deployed-subject.ts')
      subject = { ...flags, ...(await deployedSubject(spec, flags, directory)) }
      if (runs.length === 0) {
        const requests = await control.requests({ route: spec.route ?? spec.name, limit: 1000 })
        observations.push(...(await fromDeployment(spec, requests, gathering(subject))))
      }
    }
    for (const source of runs) observations.push(...(await gather(source, gathering(subject))))
    const { calibration, ...evidence } = fit(observations)
    const file: CalibrationFile = {
      kind: 'calibration',
      version: 1,
      name: calibrationName(calibration),
      createdAt: new Date().toISOString(),
      calibration: {
        ...calibration,
        step: { ...calibration.step },
        firstToken: { ...calibration.firstToken },
        keys: [...calibration.keys],
        covariance: calibration.covariance.map((row) => [...row]),
      },
      evidence: {
        ...evidence,
        moved: { ...evidence.moved },
        notes: [...evidence.notes],
        sources: runs.length > 0 ? [...runs] : [`deployment ${flags.deployment}`],
      },
    }
    if (!flags['dry-run']) createCalibrationFolder(directory).save(file)
    output.data(file, () => calibrationText(file, output.style))
    output.note(
      flags['dry-run']
        ? 'Nothing was kept.'
        : 'Kept: plan, predict and simulate use it from now on. `baleen calibration rm` takes it back.',
    )
  },
})
