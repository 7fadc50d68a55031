import { defineCommand } from '../command.ts'
import { formatTable } from '../table.ts'

export const engineList = defineCommand({
  name: 'engine list',
  summary: 'List the engines that models can run on',
  details:
    '`--json` tells which settings each one honours; docs/reference/engines.md has them as a table.',
  examples: ['engine list', "engine list --json | jq '.[] | {name, honours}'"],
  positionals: [],
  flags: {},
  async run({ output }) {
    const { engineFacts } = await import('../../server/engine-facts.ts')
    const engines = engineFacts()
    output.data(engines, () =>
      formatTable(
        ['ENGINE', 'TASKS', 'MODEL', 'WHAT'],
        engines.map(({ name, tasks, takes, about }) => [name, tasks.join(' '), takes, about]),
        output.style,
      ),
    )
  },
})
