import type { Command } from './command.ts'

export interface Entry {
  /** As typed: `deploy`, `model pull`. */
  readonly name: string
  readonly group: string
  /** The file of a command is read only when it is needed: starting up is most of what a short command costs. */
  load(): Promise<Command>
}

const entry = (group: string, name: string, load: () => Promise<Command>): Entry => ({
  group,
  name,
  load,
})

/** In the order of help. */
export const registry: readonly Entry[] = [
  entry('Serve', 'serve', async () => (await import('./commands/serve.ts')).serve),
]

export const groups: readonly string[] = [...new Set(registry.map(({ group }) => group))]
