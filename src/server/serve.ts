import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { bootVariable, type Boot, type ProcessRecord } from '../contract/boot.ts'
import type { Config } from '../contract/config.ts'
import { AppError } from '../core/errors.ts'
import { prepareDataDirectory } from './data-directory.ts'
import { bootEnvironment } from './environment.ts'
import { reachableUrl } from './reachable-url.ts'
import type { Announcer } from './supervisor/announcer.ts'
import { endLeftovers } from './supervisor/leftovers.ts'
import { takeLock } from './supervisor/lock.ts'
import { claimPort } from './supervisor/port.ts'
import { Supervisor, type SupervisorOptions } from './supervisor/supervisor.ts'

export interface ServeOptions {
  readonly config: Config
  readonly dataDirectory: string
  /** Aborted by the first signal: end in order. */
  readonly stop: AbortSignal
  /** Aborted by the second: end at once. */
  readonly kill: AbortSignal
  /** Other files than the real ones, for tests of the supervisor. */
  readonly scripts?: SupervisorOptions['scripts']
}

/** Linux gives one variable of the environment no more than 128 KiB. */
const bootBytesMax = 128 * 1024 - 64
/** What gateways of an earlier generation may still take for the streams that they hold. */
const leftoverGraceMs = 1000
const controlGraceMs = 30_000

/**
 * Everything on one machine: takes the data directory and the ports, then runs gateways and control until told to
 * stop. Errors: `machine/…` where the machine says no, or whatever keeps a child from its first start.
 */
export async function serve(options: ServeOptions, announcer: Announcer): Promise<void> {
  const { config } = options
  const dataDirectory = prepareDataDirectory(options.dataDirectory)
  const lock = takeLock(join(dataDirectory, 'run', 'supervisor.lock'), () => holder(dataDirectory))
  try {
    await endLeftovers(dataDirectory, ['gateway', 'control'], leftoverGraceMs)
    const { gateway, control } = config
    const port = await claimPort(gateway.host, gateway.port, 'gateway')
    if (control.port !== 0) await claimPort(control.host, control.port, 'control')
    const gateways =
      gateway.processes === 'auto' ? Math.min(availableParallelism(), 4) : gateway.processes
    const boot = {
      gateways,
      dataDirectory,
      config: { ...config, gateway: { ...gateway, port, processes: gateways } },
      gatewayUrl: reachableUrl(gateway.host, port),
    }
    refuseLongBoot({ ...boot, role: 'control', index: 0 })
    const supervisor = new Supervisor(
      { boot, scripts: options.scripts ?? ownScripts, controlGraceMs },
      announcer,
    )
    await supervisor.run(options.stop, options.kill)
  } finally {
    lock.release()
  }
}

const ownScripts = {
  control: join(import.meta.dirname, 'control-process.ts'),
  gateway: join(import.meta.dirname, 'gateway-process.ts'),
}

function refuseLongBoot(boot: Boot): void {
  const bytes = Buffer.byteLength(bootEnvironment(boot)[bootVariable] ?? '')
  if (bytes > bootBytesMax)
    throw new AppError('config/invalid', {
      message: `the config is too long: ${bytes} of at most ${bootBytesMax} bytes as JSON`,
      hint: 'Create some of the deployments with `baleen deploy -f FILE` instead.',
    })
}

function holder(dataDirectory: string): string {
  try {
    const record = JSON.parse(
      readFileSync(join(dataDirectory, 'run', 'supervisor.json'), 'utf8'),
    ) as ProcessRecord
    return `${dataDirectory} is served by process ${record.pid} at ${record.url}`
  } catch {
    return `${dataDirectory} is in use by another \`baleen serve\``
  }
}
