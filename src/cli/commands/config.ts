import { defineCommand } from '../command.ts'
import { exitCodes } from '../exit-code.ts'

const configFlag = {
  config: { kind: 'text', short: 'c', hint: 'FILE', summary: 'Config file (BALEEN_CONFIG)' },
} as const

export const configCheck = defineCommand({
  name: 'config check',
  summary: 'Check a config file',
  details: 'Says file, line and setting of every fault. Exit code 5: there are faults.',
  examples: ['config check', 'config check config.yaml'],
  positionals: [
    {
      name: 'file',
      summary: 'Config file (the one in force)',
      isOptional: true,
      completes: 'file',
    },
  ],
  flags: configFlag,
  async run({ flags, positionals, io, output }) {
    const { AppError } = await import('../../core/errors.ts')
    const { configPathOf, readConfigFile } = await import('../../server/config-file.ts')
    const path = configPathOf(io.environment, positionals.file ?? flags.config)
    try {
      if (path !== null) readConfigFile(path, io.environment)
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== 'config/invalid') throw thrown
      const faults = thrown.message.split('\n')
      output.data({ path, faults }, () => faults.join('\n'))
      return exitCodes.negative.code
    }
    output.data({ path, faults: [] }, () => '')
    output.note(
      path === null ? 'There is no config file; all defaults are in force.' : `${path} is valid.`,
    )
  },
})

export const configPrint = defineCommand({
  name: 'config print',
  summary: 'Print the config in force, defaults included',
  details: 'Sizes are bytes, durations are milliseconds.',
  examples: ['config print', 'config print --json -c config.yaml'],
  positionals: [],
  flags: configFlag,
  async run({ flags, io, output }) {
    const { stringify } = await import('yaml')
    const { loadConfig } = await import('../../server/config-file.ts')
    const { dataDirectoryOf } = await import('../../server/data-directory.ts')
    const { config, path } = loadConfig(io.environment, flags.config)
    const data = dataDirectoryOf(io.environment, { config: config.data })
    const inForce = { ...config, data }
    output.note(path === null ? '# no config file: all defaults' : `# ${path}`)
    output.data(inForce, () => stringify(inForce).trimEnd())
  },
})

export const configSchema = defineCommand({
  name: 'config schema',
  summary: 'Print the JSON Schema of the config file',
  examples: ['config schema > baleen.schema.json'],
  positionals: [],
  flags: {},
  async run({ output }) {
    const { configJsonSchema } = await import('../../server/config-file.ts')
    output.line(JSON.stringify(configJsonSchema(), null, output.json ? 0 : 2))
  },
})
