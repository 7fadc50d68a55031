import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { formatTable } from '../table.ts'

const dayMs = 86_400_000

export const usage = defineCommand({
  name: 'usage',
  summary: 'Count requests and tokens',
  examples: ['usage', 'usage --by key --since 7d'],
  positionals: [],
  flags: {
    by: { kind: 'text', choices: ['route', 'deployment', 'key'], summary: 'What to add up for' },
    since: { kind: 'duration', hint: '24h', summary: 'How far back (24h)' },
    ...connectionFlags,
  },
  async run({ flags, io, output }) {
    const by = flags.by ?? 'route'
    const control = await connect(flags, io)
    const rows = await control.usage({
      by,
      sinceMs: Math.max(0, Date.now() - Math.round(flags.since ?? dayMs)),
    })
    // A key's id says nothing to a person; one that was deleted has only that.
    const keys = by === 'key' && !output.json ? await control.keys() : []
    const names = new Map(keys.map(({ id, name }) => [id, name]))
    const header = [
      by.toUpperCase(),
      ...(by === 'key' ? ['NAME'] : []),
      'REQUESTS',
      'FAILED',
      'PROMPT',
      'COMPLETION',
      'CACHED',
    ]
    output.data(rows, () =>
      formatTable(
        header,
        rows.map((row) => [
          row.group,
          ...(by === 'key' ? [names.get(row.group) ?? '(deleted)'] : []),
          ...[
            row.requests,
            row.failed,
            row.promptTokens,
            row.completionTokens,
            row.cachedTokens,
          ].map((count) => count.toLocaleString('en')),
        ]),
        output.style,
      ),
    )
  },
})
