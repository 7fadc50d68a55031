import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'

export const diff = defineCommand({
  name: 'diff',
  summary: 'Show what `baleen deploy -f` would change',
  details:
    'Changes nothing. Exit code 0: all is as the file says; 5: something differs. Deployments that the file does not name are left alone.',
  examples: ['diff model.yaml', 'diff deployments/ --json', 'diff - < model.yaml'],
  positionals: [
    { name: 'file', summary: 'Deployments as YAML, a directory of such, or -', completes: 'file' },
  ],
  flags: connectionFlags,
  async run({ flags, positionals, io, output }) {
    const { readSpecs } = await import('../deploy/spec-files.ts')
    const { diffSpecs, diffText } = await import('../deploy/spec-diff.ts')
    const specs = await readSpecs(positionals.file, io)
    const control = await connect(flags, io)
    const diffs = diffSpecs(specs, await control.deployments())
    output.data(diffs, () => diffText(diffs, output.style))
    return diffs.every(({ kind }) => kind === 'same') ? exitCodes.ok.code : exitCodes.negative.code
  },
})
