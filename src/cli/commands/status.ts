import { formatDurationMs } from '../../core/units.ts'
import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { stateOf } from '../deployment-table.ts'

export const status = defineCommand({
  name: 'status',
  summary: 'Show the platform at a glance',
  examples: ['status', 'status --json'],
  positionals: [],
  flags: connectionFlags,
  async run({ flags, io, output }) {
    const view = await (await connect(flags, io)).status()
    const states = Object.entries(Object.groupBy(view.deployments, stateOf))
    const deployments = states.map(([state, members]) => `${members?.length} ${state}`).join(', ')
    const rows = [
      ['Version', view.version],
      ['Up for', formatDurationMs(Math.max(0, Date.now() - view.startedAtMs))],
      ['Gateway', `${view.gatewayUrl}/v1 (${view.gateways} processes)`],
      ['Store', view.store],
      ['Data', view.dataDirectory],
      ['Models', deployments || 'none deployed'],
    ]
    output.data(view, () =>
      rows.map(([name = '', value]) => `${output.style('dim', name.padEnd(9))}${value}`).join('\n'),
    )
  },
})
