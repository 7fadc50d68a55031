import { defineCommand, usageError } from '../command.ts'
import { createServeAnnouncer } from './serve-announcer.ts'

export const serve = defineCommand({
  name: 'serve',
  summary: 'Start the platform on this machine',
  details:
    'Starts gateways, control and the engines of all deployments, and runs until Ctrl-C. The first Ctrl-C lets requests in flight finish, a second one ends everything at once.',
  examples: ['serve', 'serve --port 9000 --data ./data', 'serve --config config.yaml'],
  positionals: [],
  flags: {
    config: { kind: 'text', short: 'c', hint: 'FILE', summary: 'Config file (BALEEN_CONFIG)' },
    data: { kind: 'text', hint: 'DIR', summary: 'Data directory (BALEEN_DATA)' },
    host: { kind: 'text', hint: 'ADDRESS', summary: 'Address that the gateway listens on' },
    port: { kind: 'integer', short: 'p', summary: 'Port of the gateway; 0: any free one' },
    'control-port': {
      kind: 'integer',
      hint: 'PORT',
      summary: 'Port of the control API; 0: any free one',
    },
    gateways: { kind: 'integer', hint: 'N', summary: 'Gateway processes' },
    'log-level': {
      kind: 'text',
      choices: ['trace', 'debug', 'info', 'warn', 'error'],
      summary: 'How much the logs tell',
    },
  },
  async run({ flags, io, output }) {
    const { loadConfig } = await import('../../server/config-file.ts')
    const { dataDirectoryOf } = await import('../../server/data-directory.ts')
    const { serve: serveAll } = await import('../../server/serve.ts')
    for (const name of ['port', 'control-port'] as const)
      if ((flags[name] ?? 0) > 65_535) throw usageError(`--${name} is at most 65535`)
    if (flags.gateways === 0) throw usageError('--gateways is at least 1')

    const { config, path } = loadConfig(io.environment, flags.config, {
      host: flags.host,
      port: flags.port,
      controlPort: flags['control-port'],
      gateways: flags.gateways,
      logLevel: flags['log-level'],
    })
    const chosen = { flag: flags.data, config: config.data }
    const dataDirectory = dataDirectoryOf(io.environment, chosen)
    const announcer = createServeAnnouncer(io, output)
    announcer.hello(dataDirectory, path)
    await serveAll(
      { config, dataDirectory, stop: io.interrupt, kill: io.interruptAgain },
      announcer,
    )
    announcer.bye()
    return io.interruptAgain.aborted ? 130 : 0
  },
})
