import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Context, FlagValues } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import { makeTemporaryKey, untilKnown } from '../temporary-key.ts'
import { findProcess } from './find-process.ts'
import { isUrl } from './is-url.ts'
import { usageError, type Flags } from '../command.ts'
import { mendLeftFaults } from '../../injector/faults/open-faults.ts'
import type { InjectionOptions } from '../../injector/run-injection.ts'
import { specFlags } from './inject-flags.ts'
import { createRunLibrary, type RunLibrary } from './run-library.ts'

/** Flags of `inject` beside those that make the spec. */
export const injectFlags = {
  ...specFlags,
  again: {
    kind: 'text',
    hint: 'RUN',
    summary: 'Make a kept run again, from its spec; last: the youngest',
  },
  spec: { kind: 'text', hint: 'FILE', summary: 'Take the spec from a file' },
  sweep: {
    kind: 'boolean',
    summary: 'Find the highest rate that meets the --slo, or without one the most the server does',
  },
  target: {
    kind: 'text',
    hint: 'SHARE',
    summary: 'Share of requests that must meet the SLO, for --sweep (99%)',
  },
  tolerance: { kind: 'text', hint: 'SHARE', summary: 'How exact --sweep has to be (5%)' },
  'max-rate': {
    kind: 'text',
    hint: 'PER-SECOND',
    summary: 'Highest rate that --sweep tries (100000)',
  },
  faults: { kind: 'text', hint: 'FILE', summary: 'Break things during the run, as a plan says' },
  'i-own-this': { kind: 'boolean', summary: 'Allow faults on a target that is not this machine' },
  compare: { kind: 'boolean', summary: 'Run two targets ABBA and say which is better' },
  pairs: { kind: 'integer', hint: 'N', summary: 'Pairs of runs of --compare (8)' },
  key: { kind: 'text', hint: 'KEY', summary: 'API key (BALEEN_API_KEY)' },
  header: { kind: 'text', repeats: true, hint: 'NAME: VALUE', summary: 'Sent with every request' },
  agents: {
    kind: 'text',
    hint: 'HOST:PORT,…',
    summary: 'Let these machines send instead, each running `baleen injection agent`',
  },
  'agent-token': {
    kind: 'text',
    hint: 'FILE',
    summary: 'File with the token of the agents (or BALEEN_AGENT_TOKEN)',
  },
  ordinary: {
    kind: 'boolean',
    summary: 'Ask the system for no priority over other programs',
  },
  'json-lines': { kind: 'boolean', summary: 'Write progress as JSON lines to stdout too' },
  ...connectionFlags,
} as const satisfies Flags

export type InjectFlags = FlagValues<typeof injectFlags>

/** What every way of injecting needs. */
export interface InjectContext {
  readonly flags: InjectFlags
  readonly io: Context['io']
  readonly output: Context['output']
  readonly library: RunLibrary
  /** Of runs that are given none: the same for both targets of a comparison. */
  readonly seed: number
  /** Key, headers and interrupt of every run. */
  readonly base: Omit<InjectionOptions, 'id'>
}

const seedMax = 2 ** 31

/** Runs with a key that was given or, where a target is a deployment of this Baleen, with one made for the run. */
export async function withInjectContext<T>(
  flags: InjectFlags,
  { io, output }: Pick<Context, 'io' | 'output'>,
  targets: readonly string[],
  use: (context: InjectContext) => Promise<T>,
): Promise<T> {
  const given = flags.key ?? io.environment.apiKey
  const isOurs = targets.some((target) => !isUrl(target) && !target.endsWith('.json'))
  const control = given === undefined && isOurs ? await connect(flags, io) : null
  const made = control && (await makeTemporaryKey('baleen inject', control, flags, io))
  try {
    const library = await createRunLibrary(flags, io)
    for (const line of await mendLeftFaults(library.folder.root))
      output.note(`left behind by a run that was killed: ${line}`)
    if (made) await untilKnown((await control.status()).gatewayUrl, made.key, io)
    return await use({
      flags,
      io,
      output,
      library,
      seed: randomInt(1, seedMax),
      base: {
        apiKey: given ?? made?.key,
        headers: parseHeaders(flags.header),
        isOwned: flags['i-own-this'],
        isUrgent: !flags.ordinary,
        findProcess: (choice) => findProcess(flags, io, choice),
        agents: agentsOf(flags, io),
        interrupt: io.interrupt,
      },
    })
  } finally {
    await made?.remove()
  }
}

function agentsOf(flags: InjectFlags, io: Context['io']): InjectContext['base']['agents'] {
  if (flags.agents === undefined) return undefined
  const agents = flags.agents
    .split(',')
    .filter(Boolean)
    .map((text) => {
      const url = URL.parse(/^[a-z]+:\/\//.test(text) ? text : `https://${text}`)
      if (url?.protocol === 'http:')
        throw usageError(
          'agents are spoken to encrypted only',
          `Write ${url.host}, without http://.`,
        )
      if (url?.protocol === 'https:' && url.port !== '') return url.origin
      throw usageError(`--agents is HOST:PORT,…, not "${text}"`)
    })
  if (new Set(agents).size < agents.length) throw usageError('an agent is named twice')
  return { agents, token: readAgentToken(flags['agent-token'], io) }
}

/** Of a file or the environment: what stands in the command line, everybody on the machine can read. */
export function readAgentToken(path: string | undefined, io: Context['io']): string {
  let token = io.environment.agentToken
  try {
    if (path !== undefined) token = readFileSync(path, 'utf8').trim()
  } catch (thrown) {
    throw usageError(`can't read ${path}: ${(thrown as Error).message}`)
  }
  if (token === undefined)
    throw usageError(
      'agents need a token',
      'Set BALEEN_AGENT_TOKEN, or name a file with --agent-token.',
    )
  if (token.length >= 16) return token
  throw usageError(
    'the token of the agents has at least 16 characters',
    'openssl rand -hex 16 makes one.',
  )
}

/** "99%" or "0.99". */
export function parseShare(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim())
  const value = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : NaN
  if (value > 0 && value < 1) return value
  throw usageError(`${flag} is a share such as 99%, not "${text}"`)
}

function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers = lines.map((line) => {
    const [name = '', value] = line.split(/:\s*(.*)/s)
    if (value === undefined) throw usageError(`--header "${line}" has no colon`)
    return [name.toLowerCase(), value]
  })
  return Object.fromEntries(headers) as Record<string, string>
}
