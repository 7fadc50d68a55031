import { defineCommand } from '../command.ts'
import { exitCodes } from '../exit-code.ts'

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Check this machine, and say how to mend what is wrong',
  details:
    'Looks at the machine, the data directory and the config; changes nothing. Exit code 5: a check failed.',
  examples: ['doctor', 'doctor --json', 'doctor --data /srv/baleen --config config.yaml'],
  positionals: [],
  flags: {
    data: { kind: 'text', hint: 'DIR', summary: 'Data directory (BALEEN_DATA)' },
    config: { kind: 'text', short: 'c', hint: 'FILE', summary: 'Config file (BALEEN_CONFIG)' },
  },
  async run({ flags, io, output }) {
    const { config: schema } = await import('../../contract/config.ts')
    const { toAppError } = await import('../../core/errors.ts')
    const { configPathOf, readConfigFile } = await import('../../server/config-file.ts')
    const { dataDirectoryOf } = await import('../../server/data-directory.ts')
    const { gatherFacts } = await import('../doctor/gather.ts')
    const { judge } = await import('../doctor/judge.ts')

    const configPath = configPathOf(io.environment, flags.config)
    let config = schema.parse({})
    let configTrouble: string | null = null
    try {
      if (configPath !== null) config = readConfigFile(configPath, io.environment)
    } catch (thrown) {
      configTrouble = toAppError(thrown).message
    }
    const chosen = { flag: flags.data, config: config.data }
    const dataDirectory = dataDirectoryOf(io.environment, chosen)
    const { environment } = io
    const findings = judge(
      await gatherFacts({ dataDirectory, config, configPath, configTrouble, environment }),
    )

    const { style } = output
    const marks = { ok: style('green', '✓'), warn: style('yellow', '!'), fail: style('red', '✗') }
    const width = Math.max(...findings.map(({ check }) => check.length)) + 2
    output.data(findings, () =>
      findings
        .flatMap(({ check, verdict, text, mend }) => [
          `${marks[verdict]} ${style('bold', check.padEnd(width))}${text}`,
          ...(mend === null ? [] : [`${' '.repeat(width + 2)}${style('dim', `→ ${mend}`)}`]),
        ])
        .join('\n'),
    )
    return findings.some(({ verdict }) => verdict === 'fail') ? exitCodes.negative.code : 0
  },
})
