import { defineCommand } from '../command.ts'
import { version as read } from '../version.ts'

export const version = defineCommand({
  name: 'version',
  summary: 'Show the version of Baleen and of Node',
  examples: ['version'],
  positionals: [],
  flags: {},
  async run({ output }) {
    const view = { version: read(), node: process.versions.node }
    output.data(view, () => `baleen ${view.version} (node ${view.node})`)
  },
})
