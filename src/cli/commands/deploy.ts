import type { DeploymentView } from '../../contract/deployment.ts'
import { awaitReady } from '../await-ready.ts'
import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { createProgress } from '../progress.ts'

/** Loading a large model from a slow disk takes its time. */
const readyTimeoutMs = 600_000

export const deploy = defineCommand({
  name: 'deploy',
  summary: 'Run a model, or change how it runs',
  details:
    'Creates the deployment, or replaces the one of that name, and waits until it is ready. Exit code 5: it does not get ready.',
  examples: [
    'deploy bundled:minimind2-small',
    'deploy tinyllama --replicas 2 --set contextTokens=2048',
    'deploy ./model.gguf --name mine --route team/mine',
    'deploy llama-3.1-70b --engine simulated --hardware h100:8',
    'deploy -f deployments.yaml',
  ],
  positionals: [
    {
      name: 'model',
      summary: '`bundled:NAME`, a GGUF file, or a name of `baleen model list`',
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
    engine: { kind: 'text', summary: 'Engine that runs it (embedded)' },
    hardware: { kind: 'text', hint: 'H100:8', summary: 'Accelerators of one replica' },
    runtime: { kind: 'text', summary: 'Where it runs (process)' },
    set: { kind: 'text', hint: 'SETTING=VALUE', repeats: true, summary: 'Engine setting' },
    'no-wait': { kind: 'boolean', summary: 'Return once it is recorded' },
    'ready-timeout': { kind: 'duration', hint: '10m', summary: 'Longest wait until it is ready' },
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const { model } = positionals
    if ((model === undefined) === (flags.file === undefined))
      throw usageError('name a MODEL, or give --file')
    const { specFromFlags } = await import('../deployment-spec.ts')
    const { absoluteModel, readSpecs } = await import('../deploy/spec-files.ts')
    const specs =
      flags.file === undefined
        ? [specFromFlags(absoluteModel(model ?? '', io), flags)]
        : await readSpecs(flags.file, io)

    const control = await connect(flags, io)
    const progress = createProgress(io, output)
    const deployed: DeploymentView[] = []
    for (const spec of specs) {
      const recorded = await control.putDeployment(spec, flags.why)
      deployed.push(recorded)
      if (flags['no-wait']) output.note(`${spec.name}: ${recorded.status}`)
    }
    const timeoutMs = flags['ready-timeout'] ?? readyTimeoutMs
    const ready = flags['no-wait']
      ? deployed
      : await Promise.all(
          specs.map(({ name }) => awaitReady(control, name, progress, io, timeoutMs)),
        )
    for (const { spec, warnings } of ready)
      for (const warning of warnings) output.note(`${spec.name}: not honoured: ${warning}`)
    if (output.json) output.data(flags.file === undefined ? ready[0] : ready, () => '')
  },
})
