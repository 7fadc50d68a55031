import { AppError } from '../../core/errors.ts'
import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { formatLogLine, parseLogLine } from '../log-line.ts'

export const logs = defineCommand({
  name: 'logs',
  summary: 'Show what the engines of a deployment wrote',
  details: 'With --json each line is an object: the replica, and what its engine wrote.',
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
    try {
      for await (const line of control.logs(positionals.name, options)) {
        const { replica, fields, text } = parseLogLine(line)
        output.data({ replica, ...(fields ?? { text }) }, () =>
          formatLogLine({ replica, fields, text }),
        )
      }
    } catch (thrown) {
      // Ctrl-C is how following ends.
      if (flags.follow && io.interrupt.aborted) return exitCodes.interrupted.code
      if (thrown instanceof AppError && thrown.code === 'replica/not-found')
        throw new AppError('deployment/not-found', {
          message: `no deployment or replica is named "${positionals.name}"`,
        })
      throw thrown
    }
    return exitCodes.ok.code
  },
})
