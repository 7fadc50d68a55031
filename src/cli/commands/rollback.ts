import { readyFlags, readyTimeoutMs } from '../await-ready.ts'
import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { awaitTakeover } from '../deploy/await-takeover.ts'
import { deploymentName } from '../deployment-name.ts'
import { createProgress } from '../progress.ts'

export const rollback = defineCommand({
  name: 'rollback',
  summary: 'Go back to an earlier revision of a deployment',
  details:
    'Without a revision: to what serves while a change takes over, or else to what served before the last change. How many replicas run stays as it is. It takes over like any other change.',
  examples: ['rollback chat', 'rollback chat 7 --why "answers got worse"'],
  positionals: [
    deploymentName,
    { name: 'revision', summary: 'A number of `baleen history`', isOptional: true },
  ],
  flags: {
    why: { kind: 'text', hint: 'TEXT', summary: 'Why, for the history' },
    ...readyFlags,
    ...connectionFlags,
  },
  async run({ flags, positionals: { deployment, revision }, io, output }) {
    if (revision !== undefined && !/^[1-9]\d{0,8}$/.test(revision))
      throw usageError(`REVISION is a number, not "${revision}"`)
    const control = await connect(flags, io)
    const recorded = await control.rollback(deployment, {
      ...(revision === undefined ? {} : { revision: Number(revision) }),
      ...(flags.why === undefined ? {} : { why: flags.why }),
    })
    const timeoutMs = flags['ready-timeout'] ?? readyTimeoutMs
    const view = flags['no-wait']
      ? recorded
      : await awaitTakeover(control, recorded, createProgress(io, output), io, timeoutMs)
    output.data(view, () => '')
    output.note(`${deployment}: revision ${view.revision}, ${view.status}`)
  },
})
