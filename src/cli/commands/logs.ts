import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'

export const logs = defineCommand({
  name: 'logs',
  summary: 'Show what the engines of a deployment wrote',
  examples: [
    'logs minimind2-small',
    'logs -f minimind2-small',
    'logs -n 20 minimind2-small-k3x9q1',
  ],
  positionals: [
    { name: 'name', summary: 'A deployment, or one of its replicas', completes: 'deployment' },
  ],
  flags: {
    follow: { kind: 'boolean', short: 'f', summary: 'Go on until Ctrl-C' },
    lines: { kind: 'integer', short: 'n', hint: 'N', summary: 'Last lines to start with (100)' },
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const control = await connect(flags, io)
    const options = { lines: flags.lines ?? 100, follow: flags.follow }
    for await (const line of control.logs(positionals.name, options)) output.line(line)
  },
})
