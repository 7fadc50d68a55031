import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessRecord } from '../contract/boot.ts'
import { AppError } from '../core/errors.ts'
import { dataDirectoryOf } from '../server/data-directory.ts'
import { isRunning } from '../server/process-table.ts'
import type { Flags, FlagValues } from './command.ts'
import { createControlClient, type ControlClient } from './control-client.ts'
import type { Io } from './io.ts'

/** Flags of every command that talks to control. */
export const connectionFlags = {
  url: { kind: 'text', hint: 'URL', summary: 'Control API of another machine (BALEEN_URL)' },
  token: { kind: 'text', hint: 'TOKEN', summary: 'Admin token or admin key (BALEEN_TOKEN)' },
  data: { kind: 'text', hint: 'DIR', summary: 'Data directory of this machine (BALEEN_DATA)' },
  config: { kind: 'text', short: 'c', hint: 'FILE', summary: 'Config file (BALEEN_CONFIG)' },
  timeout: { kind: 'duration', hint: '30s', summary: 'Longest wait for an answer' },
} as const satisfies Flags

export type ConnectionFlags = FlagValues<typeof connectionFlags>

const answerTimeoutMs = 30_000
/** How long a control that is just starting, or restarting, is waited for. */
const arrivalTimeoutMs = 10_000

/** The control that the flags, the environment or the data directory name, in this order. */
export async function connect(flags: ConnectionFlags, io: Io): Promise<ControlClient> {
  const timeoutMs = flags.timeout ?? answerTimeoutMs
  const { url, token } = await locate(flags, io, Math.min(timeoutMs, arrivalTimeoutMs))
  return createControlClient({ url, token, timeoutMs, interrupt: io.interrupt })
}

/** The data directory that the flags name; the config file is read only where it exists. */
export async function dataDirectory(
  flags: Pick<ConnectionFlags, 'data' | 'config'>,
  io: Io,
): Promise<string> {
  const named = flags.data ?? io.environment.data
  if (named !== undefined) return dataDirectoryOf(io.environment, { flag: named })
  const { configPathOf, readConfigFile } = await import('../server/config-file.ts')
  const path = configPathOf(io.environment, flags.config)
  const config = path === null ? undefined : readConfigFile(path, io.environment).data
  return dataDirectoryOf(io.environment, { config })
}

/** Null: there is none, or the process that wrote it has ended. */
export function readRecord(
  directory: string,
  /** `supervisor`, `control`, `gateway-0`… */
  role: string,
): ProcessRecord | null {
  try {
    const text = readFileSync(join(directory, 'run', `${role}.json`), 'utf8')
    const record = JSON.parse(text) as ProcessRecord
    // The token must not be sent to whoever got the port since.
    return isRunning(record) ? record : null
  } catch {
    return null
  }
}

async function locate(
  flags: ConnectionFlags,
  io: Io,
  withinMs: number,
): Promise<{ url: string; token: string }> {
  const url = flags.url ?? io.environment.url
  const token = flags.token ?? io.environment.token
  if (url !== undefined) {
    if (!URL.canParse(url) || !/^https?:/.test(url))
      throw new AppError('cli/usage', {
        message: `"${url}" is not a URL`,
        hint: 'Write it like http://host:8081.',
      })
    if (token !== undefined) return { url, token }
    throw new AppError('key/missing', {
      message: `${url} needs a token`,
      hint: 'Give --token or BALEEN_TOKEN: the content of admin.token there, or an admin key.',
    })
  }
  const directory = await dataDirectory(flags, io)
  const found = await awaitControl(directory, io.interrupt, withinMs)
  return { url: found, token: token ?? readToken(directory) }
}

async function awaitControl(
  directory: string,
  interrupt: AbortSignal,
  withinMs: number,
): Promise<string> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const url = readRecord(directory, 'control')?.url
    if (url) return url
    const isComing = readRecord(directory, 'supervisor') !== null
    if (!isComing || performance.now() > deadlineMs)
      throw new AppError('cli/unreachable', {
        message: isComing
          ? `control in ${directory} does not come up`
          : `nothing is served from ${directory}`,
        ...(isComing
          ? { hint: `${join(directory, 'logs', 'control.log')} says why.` }
          : { hint: 'Start it with `baleen serve`, or name it with --data or --url.' }),
      })
    await delay(100, undefined, { signal: interrupt })
  }
}

function readToken(directory: string): string {
  const path = join(directory, 'admin.token')
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (thrown) {
    throw new AppError('key/missing', {
      message: `can't read ${path}: ${(thrown as Error).message}`,
      hint: 'Run this as the user who runs `baleen serve`, or give --token.',
      cause: thrown,
    })
  }
}
