import type { DeploymentSpec, DeploymentView } from '../../contract/deployment.ts'
import { readyFlags, readyTimeoutMs } from '../await-ready.ts'
import { defineCommand, usageError } from '../command.ts'
import { confirm } from '../confirm.ts'
import { connect, connectionFlags } from '../connection.ts'
import { awaitTakeover } from '../deploy/await-takeover.ts'
import type { Planned } from '../deploy/plan-deployment.ts'
import { exitCodes } from '../exit-code.ts'
import { createProgress } from '../progress.ts'

export const deploy = defineCommand({
  name: 'deploy',
  summary: 'Run a model, or change how it runs',
  details:
    'Creates the deployment, or replaces the one of that name, and waits until it is ready; a change with `rollout.steps` until it has taken over or is rolled back, step by step. A model that is not here is fetched first; where the deployment is there already and something kept it from running, it is tried again at once. With --slo it plans first: the engine among those installed, devices, layout and settings that keep it, shown and asked about before anything starts; where the --hardware is not there, the engine `simulated` plays it. Exit code 5: it does not get ready, no plan keeps the SLO, or you said no.',
  examples: [
    'deploy bundled:minimind2-small',
    'deploy hf:ORG/REPO:Q4_K_M',
    'deploy tinyllama --replicas 2 --set contextTokens=2048',
    'deploy ./model.gguf --name mine --route team/mine',
    'deploy llama-3.1-70b --hardware h100:8 --slo ttft.p95=500ms,tpot.p95=50ms --rate 4/s',
    'deploy llama-3.1-70b --hardware h100:8 --slo tpot.p95=12ms --apart',
    'deploy llama-3.1-70b --engine simulated --hardware h100:8',
    'deploy -f deployments.yaml',
  ],
  positionals: [
    {
      name: 'model',
      summary:
        '`bundled:NAME`, a GGUF file, a name of `baleen model list`, or where to fetch it: hf:ORG/REPO, s3://…, oci://…, a URL, npm:PACKAGE',
      isOptional: true,
      completes: 'model-or-file',
    },
  ],
  flags: {
    file: {
      kind: 'text',
      short: 'f',
      hint: 'FILE',
      summary: 'Deployments as YAML, a directory of such, or - for stdin',
    },
    why: { kind: 'text', hint: 'TEXT', summary: 'Why, for the history' },
    name: { kind: 'text', summary: "Name of the deployment (from the model's)" },
    replicas: { kind: 'integer', hint: 'N', summary: 'Engines to run (1)' },
    route: { kind: 'text', hint: 'MODEL', summary: 'Model name that clients write (the name)' },
    task: { kind: 'text', choices: ['generate', 'embed'], summary: 'What it offers (generate)' },
    engine: {
      kind: 'text',
      summary: 'Engine that runs it (embedded); auto: as the plan says, which --slo does by itself',
    },
    hardware: {
      kind: 'text',
      hint: 'H100:8',
      summary: 'Accelerators of one replica; with a plan: all that it may use (what is here)',
    },
    runtime: { kind: 'text', summary: 'Where it runs (process)' },
    set: {
      kind: 'text',
      hint: 'SETTING=VALUE',
      repeats: true,
      summary: 'Engine setting; lists as JSON',
    },
    slo: {
      kind: 'text',
      hint: 'LIMITS',
      summary: 'Plan for these limits, like ttft.p95=500ms,tpot.p95=50ms, and promise them',
    },
    workload: {
      kind: 'text',
      hint: 'NAME|ISL,OSL|FILE|route:NAME',
      summary: 'What the plan is for, as in `baleen plan` (chat)',
    },
    rate: { kind: 'text', hint: '12/s', summary: 'Requests that the plan has to carry' },
    objective: {
      kind: 'text',
      choices: ['cost', 'latency', 'throughput', 'energy', 'quality'],
      summary: 'What ranks the configurations that keep the limits (cost)',
    },
    apart: {
      kind: 'boolean',
      summary: 'Plan prompts and answers on replicas of their own, which the gateway pairs',
    },
    quick: { kind: 'boolean', summary: 'Plan without playing the best configurations' },
    yes: { kind: 'boolean', short: 'y', summary: 'Deploy the plan without asking' },
    ...readyFlags,
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const { model } = positionals
    if ((model === undefined) === (flags.file === undefined))
      throw usageError('name a MODEL, or give --file')
    const { specFromFlags } = await import('../deployment-spec.ts')
    const { absoluteModel, readSpecs } = await import('../deploy/spec-files.ts')
    const isPlanned = flags.slo !== undefined || flags.engine === 'auto'
    if (flags.apart && !isPlanned) throw usageError('--apart is a plan’s: give it an --slo')
    if (isPlanned && model === undefined)
      throw usageError('--slo plans one MODEL; a file says its own `slo:`')
    const path = absoluteModel(model ?? '', io)
    const described =
      flags.file !== undefined
        ? await readSpecs(flags.file, io)
        : isPlanned
          ? []
          : [specFromFlags(path, flags)]

    const control = await connect(flags, io)
    let planned: Planned | null = null
    if (isPlanned) {
      const { planDeployment } = await import('../deploy/plan-deployment.ts')
      planned = await planDeployment(path, flags, control, io, output)
      const question = questionOf(planned)
      if (!flags.yes && !(await confirm(question, io))) return exitCodes.negative.code
    }
    const specs = planned?.specs ?? described
    const endOutdated = async (): Promise<void> => {
      for (const name of planned?.outdated ?? []) {
        await control.removeDeployment(name)
        output.note(`${name} of the plan before ends: it has no part in this one.`)
      }
    }
    if (planned?.endsFirst) await endOutdated()
    const progress = createProgress(io, output)
    const deployed: DeploymentView[] = []
    for (const spec of specs) {
      const recorded = await control.putDeployment(spec, flags.why ?? planned?.why)
      deployed.push(recorded)
      if (flags['no-wait']) output.note(`${spec.name}: ${recorded.status}`)
    }
    const timeoutMs = flags['ready-timeout'] ?? readyTimeoutMs
    const ready = flags['no-wait']
      ? deployed
      : await Promise.all(
          deployed.map((one) => awaitTakeover(control, one, progress, io, timeoutMs)),
        )
    if (planned?.endsFirst === false) await endOutdated()
    for (const { spec, warnings } of ready)
      for (const warning of warnings) output.note(`${spec.name}: not honoured: ${warning}`)
    const shown = flags.file === undefined ? ready[0] : ready
    if (output.json)
      output.data(
        planned ? { plan: planned.report, deployment: ready[0], deployments: ready } : shown,
        () => '',
      )
    return exitCodes.ok.code
  },
})

function questionOf({ specs, outdated, endsFirst }: Planned): string {
  const isApart = specs.some(({ settings }) => settings.role !== 'both')
  const shares = specs.length > 1 && !isApart
  const total = specs.reduce((sum, { weight }) => sum + weight, 0)
  const texts = specs.map((spec) => {
    const share = shares ? ` (${Math.round((spec.weight / total) * 100)} % of the requests)` : ''
    return `${deploymentText(spec)}${share}`
  })
  const missing = specs.flatMap(({ name, replicas, rollout }) =>
    rollout.unavailable > 0
      ? `${rollout.unavailable} of ${replicas} replicas of ${name} are missing meanwhile, as no devices are free beside those in use`
      : [],
  )
  const ends =
    outdated.length === 0
      ? []
      : `${outdated.join(', ')} ${endsFirst ? 'ends before, for its devices' : 'ends then'}`
  const notes = [...missing, ...[ends].flat()].map((text) => `${text}. `)
  return `${notes.join('')}Deploy ${texts.join(' and ')}?`
}

/** "llama as 4 × vllm on H100-SXM-80GB:2". */
function deploymentText({ name, replicas, engine, hardware, settings }: DeploymentSpec): string {
  const on = hardware === undefined ? '' : ` on ${hardware} each`
  const role = { both: '', prefill: ', reading prompts', decode: ', writing answers' }[
    settings.role
  ]
  return `${name} as ${replicas} × ${engine}${on}${role}`
}
