import type { DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { awaitReady, readyTimeoutMs } from '../await-ready.ts'
import { defineCommand, type FlagValues } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io, Output } from '../io.ts'
import { createProgress } from '../progress.ts'

const rolloutTimeoutMs = 3_600_000
/** Of one replica, a second. */
const rateDefault = '2'

const ciFlags = {
  rate: { kind: 'text', hint: 'PER-SECOND', summary: 'Load of the rehearsal (2)' },
  duration: { kind: 'duration', hint: '20s', summary: 'How long it lasts (20s)' },
  workload: {
    kind: 'text',
    hint: 'NAME|ISL,OSL|FILE|route:NAME',
    summary: 'What the plan is for, as in `baleen plan` (chat)',
  },
  'no-plan': { kind: 'boolean', summary: 'Leave out whether the hardware could keep the SLO' },
  'no-rehearsal': { kind: 'boolean', summary: 'Leave it out: only the canary decides' },
  'rollout-timeout': { kind: 'duration', hint: '1h', summary: 'Longest wait for the rollout' },
  why: { kind: 'text', hint: 'TEXT', summary: 'Why, for the history: a commit, a ticket' },
  ...connectionFlags,
} as const

export const ci = defineCommand({
  name: 'ci',
  summary: 'Bring deployments into service from a pipeline, or say why not',
  details:
    'Checks the file, shows what differs, plans whether the hardware could keep the SLO at all, rehearses each change under load (on the engine `simulated` where the deployment names hardware, else as it is), holds it against its SLO, and lets it take over in its own steps. Exit code 0: done, or nothing to do. 1: the file is wrong. 5: the plan, the rehearsal or the canary said no, and what served before still serves.',
  examples: [
    'ci deployments/ --why "$GITHUB_SHA"',
    'ci model.yaml --rate 5 --duration 1m',
    'ci model.yaml --no-rehearsal',
  ],
  positionals: [
    { name: 'file', summary: 'Deployments as YAML, a directory of such, or -', completes: 'file' },
  ],
  flags: ciFlags,
  async run({ flags, positionals, io, output }) {
    const { readSpecs } = await import('../deploy/spec-files.ts')
    const { diffSpecs, diffText } = await import('../deploy/spec-diff.ts')
    const { awaitRollout } = await import('../deploy/await-rollout.ts')
    const specs = await readSpecs(positionals.file, io)
    output.note(`1 · valid: ${specs.length} ${specs.length === 1 ? 'deployment' : 'deployments'}`)
    const control = await connect(flags, io)
    const diffs = diffSpecs(specs, await control.deployments())
    output.data(diffs, () => diffText(diffs, output.style))
    const changed = specs.filter((_, at) => diffs[at]?.kind !== 'same')
    if (changed.length === 0) {
      output.note('2 · nothing differs')
      return exitCodes.ok.code
    }
    output.note(`2 · to change: ${changed.map(({ name }) => name).join(', ')}`)
    if (!flags['no-plan'] && !(await plan(changed, flags, io, output)))
      return exitCodes.negative.code
    const progress = createProgress(io, output)
    if (flags['no-rehearsal']) output.note('4 · no rehearsal')
    else
      for (const spec of changed) {
        const faults = await rehearse(spec, flags, io, output)
        for (const fault of faults) output.note(`4 · ${spec.name}: ${fault}`)
        if (faults.length > 0) return exitCodes.negative.code
        output.note(`4 · ${spec.name}: the rehearsal kept what is promised`)
      }
    for (const spec of changed) {
      const recorded = await control.putDeployment(spec, flags.why ?? 'baleen ci')
      const timeoutMs = flags['rollout-timeout'] ?? rolloutTimeoutMs
      const view = await awaitRollout(control, recorded, progress, io, timeoutMs)
      output.note(`5 · ${spec.name}: revision ${view.revision} serves`)
    }
    return exitCodes.ok.code
  },
})

/** False: the hardware of one of them could not keep what it promises, however it is run. */
async function plan(
  specs: readonly DeploymentSpec[],
  flags: FlagValues<typeof ciFlags>,
  io: Io,
  output: Output,
): Promise<boolean> {
  const { planSpec } = await import('../deploy/spec-plan.ts')
  const { parseRate } = await import('../../planner/workload/slo.ts')
  const load = { workload: flags.workload, rateRps: parseRate(flags.rate ?? rateDefault) }
  let isPossible = true
  for (const spec of specs) {
    const found = await planSpec(spec, load, flags, io, output)
    if (found) output.note(`3 · ${spec.name}: ${found.text}`)
    else output.note(`3 · ${spec.name}: nothing to plan: no hardware, SLO or facts of its model`)
    isPossible &&= found?.isPossible ?? true
  }
  return isPossible
}

/** Runs one replica of it under another name, under load, and takes it away again. Returns what it does not keep. */
async function rehearse(
  spec: DeploymentSpec,
  flags: FlagValues<typeof ciFlags>,
  io: Io,
  output: Output,
): Promise<readonly string[]> {
  const { gateFaults, reportIn } = await import('../deploy/gate.ts')
  const { rollout: _, scaling: _scaling, route: _route, ...rest } = spec
  const { deploymentSpec } = await import('../../contract/deployment.ts')
  const name = `${spec.name.slice(0, 53)}-rehearsal`
  const engine = spec.hardware === undefined ? spec.engine : 'simulated'
  const rehearsal = deploymentSpec.parse({ ...rest, name, engine, replicas: 1 })
  const control = await connect(flags, io)
  const progress = createProgress(io, output)
  try {
    await control.putDeployment(rehearsal, 'rehearsal of baleen ci')
    await awaitReady(control, name, progress, io, readyTimeoutMs)
    const { run } = await import('../run.ts')
    let stdout = ''
    const endpoint = spec.task === 'embed' ? ['--endpoint', 'embeddings'] : []
    const code = await run(
      [
        'inject',
        name,
        ...endpoint,
        '--rate',
        flags.rate ?? rateDefault,
        '--duration',
        `${flags.duration ?? 20_000}ms`,
        '--json',
        '--quiet',
        ...connectionArguments(flags),
      ],
      { ...io, stdout: { write: (text: string) => (stdout += text) } },
    )
    const report = reportIn(stdout)
    if (report) return gateFaults(spec, report)
    return [`the load could not be measured: inject ended with ${code}`]
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'deployment/failed') return [thrown.message]
    throw thrown
  } finally {
    await control.removeDeployment(name).catch(() => {})
  }
}

const connectionArguments = (flags: FlagValues<typeof ciFlags>): string[] =>
  (['url', 'token', 'data', 'config'] as const).flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name}`, flags[name]],
  )
