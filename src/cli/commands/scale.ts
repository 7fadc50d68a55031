import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { deploymentName } from '../deployment-name.ts'

export const scale = defineCommand({
  name: 'scale',
  summary: 'Set how many replicas a deployment has',
  details: 'Returns as soon as the wish is recorded; `baleen ps --watch` shows it come true.',
  examples: ['scale minimind2-small 2', 'scale minimind2-small 0'],
  positionals: [
    deploymentName,
    { name: 'replicas', summary: 'How many; 0 stops its engines and keeps the deployment' },
  ],
  flags: connectionFlags,
  async run({ flags, positionals, io, output }) {
    if (!/^\d{1,9}$/.test(positionals.replicas))
      throw usageError(`REPLICAS is a whole number, not "${positionals.replicas}"`)
    const control = await connect(flags, io)
    const view = await control.scale(positionals.deployment, Number(positionals.replicas))
    output.data(view, () => '')
    output.note(`${view.spec.name}: ${view.spec.replicas} replicas wanted, ${view.status}`)
  },
})
