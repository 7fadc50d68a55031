import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { deploymentTable } from '../deployment-table.ts'
import { exitCodes } from '../exit-code.ts'
import { pause } from '../poll.ts'

const watchEveryMs = 1000

export const ps = defineCommand({
  name: 'ps',
  summary: 'List deployments and how they are',
  details:
    'RUN and WAIT are requests that engines work on and that wait in them, KV is how full the fullest one is: what their metrics said in the last 15 seconds.',
  examples: ['ps', 'ps --watch', "ps --json | jq '.[].status'"],
  positionals: [],
  flags: {
    watch: { kind: 'boolean', short: 'w', summary: 'Show it anew whenever it changes' },
    ...connectionFlags,
  },
  async run({ flags, io, output }) {
    const control = await connect(flags, io)
    let last = ''
    while (!io.interrupt.aborted) {
      const deployments = await control.deployments()
      const seen = JSON.stringify(deployments)
      if (seen !== last) {
        if (flags.watch && io.stdout.isTTY && !output.json) io.stdout.write('\x1b[H\x1b[2J')
        if (deployments.length === 0)
          output.note('Nothing is deployed. `baleen deploy MODEL` starts something.')
        output.data(deployments, () =>
          deployments.length === 0 ? '' : deploymentTable(deployments, Date.now(), output.style),
        )
      }
      last = seen
      if (!flags.watch) return exitCodes.ok.code
      await pause(watchEveryMs, io.interrupt).catch(() => {})
    }
    return exitCodes.interrupted.code
  },
})
