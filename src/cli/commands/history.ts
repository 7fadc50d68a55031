import type { RevisionView } from '../../contract/api.ts'
import { formatDurationMs } from '../../core/units.ts'
import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { deploymentName } from '../deployment-name.ts'
import { formatTable } from '../table.ts'

export const history = defineCommand({
  name: 'history',
  summary: 'Show the revisions of a deployment: who, why and what became of each',
  examples: ['history minimind2-small', "history chat --json | jq '.[0].outcome'"],
  positionals: [deploymentName],
  flags: connectionFlags,
  async run({ flags, positionals, io, output }) {
    const control = await connect(flags, io)
    const revisions = await control.history(positionals.deployment)
    output.data(revisions, () =>
      formatTable(
        ['REVISION', 'AGE', 'BY', 'OUTCOME', 'WHY'],
        revisions.map((one) => rowOf(one, Date.now())),
        output.style,
      ),
    )
  },
})

function rowOf({ revision, spec, by, why, atMs, outcome }: RevisionView, nowMs: number): string[] {
  const became = spec === null ? 'deleted' : (outcome?.kind ?? 'takes over')
  const reason = outcome?.kind === 'rolled-back' ? ` · ${outcome.reason}` : ''
  const age = formatDurationMs(Math.max(0, nowMs - atMs))
  return [String(revision), age, by, became, why + reason]
}
