import { AppError } from '../../core/errors.ts'
import { defineCommand } from '../command.ts'
import { commandHelp, overview } from '../help.ts'
import { registry } from '../registry.ts'

export const help = defineCommand({
  name: 'help',
  summary: 'Show help, or the exit codes',
  examples: ['help', 'help model pull', 'help exit-codes'],
  positionals: [
    {
      name: 'command',
      summary: 'A command',
      isOptional: true,
      repeats: true,
      completes: 'command',
    },
  ],
  flags: {},
  async run({ positionals, output }) {
    const name = positionals.command.join(' ')
    if (name === 'exit-codes') {
      const { exitCodes } = await import('../exit-code.ts')
      for (const { code, meaning } of Object.values(exitCodes))
        output.line(`${String(code).padEnd(5)}${meaning}`)
      return
    }
    const entry = registry.find((candidate) => candidate.name === name)
    const isGroup = registry.some((candidate) => candidate.name.startsWith(`${name} `))
    if (entry) output.line(commandHelp(await entry.load(), output.style))
    else if (name === '' || isGroup) output.line(await overview(output.style, name || undefined))
    else
      throw new AppError('cli/usage', {
        message: `there is no command "${name}"`,
        hint: 'See `baleen help`.',
      })
  },
})
