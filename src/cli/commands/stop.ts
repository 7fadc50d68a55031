import { AppError } from '../../core/errors.ts'
import { isRunning, signalProcess } from '../../server/process-table.ts'
import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags, dataDirectory, readRecord } from '../connection.ts'
import { poll } from '../poll.ts'

/** A whole shutdown: gateways drain, then engines stop. */
const stopTimeoutMs = 90_000

export const stop = defineCommand({
  name: 'stop',
  summary: 'Delete deployments, or end the platform',
  details:
    'The engines of a deployment finish what they do, then end; the model file stays. With --all the `baleen serve` of the data directory ends, and everything with it; deployments come back with the next start.',
  examples: ['stop minimind2-small', 'stop one other', 'stop --all'],
  positionals: [
    {
      name: 'deployment',
      summary: 'Names of deployments',
      isOptional: true,
      repeats: true,
      completes: 'deployment',
    },
  ],
  flags: {
    all: { kind: 'boolean', summary: 'End `baleen serve` on this machine' },
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const names = positionals.deployment
    if (names.length > 0 === flags.all) throw usageError('name a DEPLOYMENT, or give --all')
    if (!flags.all) {
      const control = await connect(flags, io)
      for (const name of names) {
        await control.removeDeployment(name)
        output.data({ removed: name }, () => '')
        output.note(`${name} is deleted; its engines end once they have finished.`)
      }
      return
    }
    if (flags.url ?? io.environment.url)
      throw usageError('--all works on this machine only', 'Run it where `baleen serve` runs.')

    const directory = await dataDirectory(flags, io)
    const record = readRecord(directory, 'supervisor')
    if (!record)
      throw new AppError('cli/unreachable', {
        message: `nothing is served from ${directory}`,
        hint: 'Name the data directory with --data.',
      })
    if (!signalProcess({ ...record }, 'SIGTERM'))
      throw new AppError('machine/data-unwritable', {
        message: `may not end process ${record.pid}`,
        hint: 'Run this as the user who runs `baleen serve`.',
      })
    output.note('Letting requests in flight finish, then stopping the engines …')
    await poll('everything has ended', async () => (isRunning(record) ? undefined : true), {
      timeoutMs: flags.timeout ?? stopTimeoutMs,
      everyMs: 100,
      interrupt: io.interrupt,
    })
    output.data({ stopped: record.pid }, () => '')
    output.note('Stopped.')
  },
})
