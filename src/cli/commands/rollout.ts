import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { deploymentName } from '../deployment-name.ts'

const actions = ['promote', 'pause', 'resume'] as const
const isAction = (text: string): text is (typeof actions)[number] =>
  (actions as readonly string[]).includes(text)

export const rollout = defineCommand({
  name: 'rollout',
  summary: 'Promote, pause or resume a change that is taking over',
  details:
    '`promote` leaves out the steps that are left. `pause` takes the traffic off the new revision and keeps it for a look. `baleen rollback` gives it up.',
  examples: ['rollout chat promote', 'rollout chat pause'],
  positionals: [deploymentName, { name: 'action', summary: 'promote, pause or resume' }],
  flags: connectionFlags,
  async run({ flags, positionals: { deployment, action }, io, output }) {
    if (!isAction(action))
      throw usageError(`ACTION is one of ${actions.join(', ')}, not "${action}"`)
    const control = await connect(flags, io)
    const view = await control.rollout(deployment, action)
    output.data(view, () => '')
    output.note(`${deployment}: ${view.status}`)
  },
})
