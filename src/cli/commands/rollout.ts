import { readyTimeoutMs } from '../await-ready.ts'
import { defineCommand, usageError } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { awaitRollout } from '../deploy/await-rollout.ts'
import { createProgress } from '../progress.ts'
import { deploymentName } from '../deployment-name.ts'

const actions = ['follow', 'promote', 'pause', 'resume'] as const
const isAction = (text: string): text is (typeof actions)[number] =>
  (actions as readonly string[]).includes(text)

export const rollout = defineCommand({
  name: 'rollout',
  summary: 'Follow, promote, pause or resume a change that is taking over',
  details:
    '`follow` shows its steps until it has taken over. `promote` leaves out the steps that are left. `pause` takes the traffic off the new revision and keeps it for a look. `baleen rollback` gives it up.',
  examples: ['rollout chat follow', 'rollout chat promote', 'rollout chat pause'],
  positionals: [deploymentName, { name: 'action', summary: 'follow, promote, pause or resume' }],
  flags: connectionFlags,
  async run({ flags, positionals: { deployment, action }, io, output }) {
    if (!isAction(action))
      throw usageError(`ACTION is one of ${actions.join(', ')}, not "${action}"`)
    const control = await connect(flags, io)
    if (action === 'follow') {
      const now = await control.deployment(deployment)
      const done = now.rollout
        ? await awaitRollout(control, now, createProgress(io, output), io, readyTimeoutMs)
        : now
      if (!now.rollout) output.note(`${deployment}: nothing takes over, ${now.status}`)
      return output.data(done, () => '')
    }
    const view = await control.rollout(deployment, action)
    output.data(view, () => '')
    output.note(`${deployment}: ${view.status}`)
  },
})
