import type { KeyView } from '../../contract/api.ts'
import { parseCount } from '../../core/units.ts'
import { defineCommand, usageError, type Flags } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import type { ControlClient } from '../control-client.ts'
import { AppError } from '../../core/errors.ts'
import { formatTable } from '../table.ts'

const limitFlags = {
  route: { kind: 'text', hint: 'MODEL', repeats: true, summary: 'Model it may use (all)' },
  'requests-per-minute': { kind: 'text', hint: 'N', summary: 'Limit of requests; `none` lifts it' },
  'tokens-per-minute': { kind: 'text', hint: 'N', summary: 'Limit of tokens; `none` lifts it' },
  expires: { kind: 'text', hint: '30d', summary: 'When it stops working; `never`' },
} as const satisfies Flags

export const keyCreate = defineCommand({
  name: 'key create',
  summary: 'Make an API key',
  details: 'The key is written to stdout and shown only this once.',
  examples: [
    'key create',
    'key create team-a --requests-per-minute 600 --tokens-per-minute 200k',
    'key create ci --admin --expires 30d',
  ],
  positionals: [{ name: 'name', summary: 'Whose key it is', isOptional: true }],
  flags: {
    admin: { kind: 'boolean', summary: 'May use the control API too' },
    ...limitFlags,
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const limits = limitsFrom(flags)
    const control = await connect(flags, io)
    const created = await control.createKey({
      name: positionals.name ?? 'default',
      isAdmin: flags.admin,
      ...limits,
    })
    output.data(created, () => created.key)
    output.note(`${created.view.id} · shown only now: keep it, such as in BALEEN_API_KEY`)
  },
})

export const keyList = defineCommand({
  name: 'key list',
  summary: 'List API keys',
  examples: ['key list', "key list --json | jq '.[].name'"],
  positionals: [],
  flags: connectionFlags,
  async run({ flags, io, output }) {
    const keys = await (await connect(flags, io)).keys()
    const limit = (value: number | null) => value?.toLocaleString('en') ?? '-'
    output.data(keys, () =>
      formatTable(
        ['ID', 'NAME', 'KEY', 'ROUTES', 'REQUESTS/MIN', 'TOKENS/MIN', 'EXPIRES', 'ADMIN'],
        keys.map((key) => [
          key.id,
          key.name,
          key.prefix,
          key.routes?.join(',') ?? 'all',
          limit(key.requestsPerMinute),
          limit(key.tokensPerMinute),
          key.expiresAtMs === null ? 'never' : new Date(key.expiresAtMs).toISOString(),
          key.isAdmin ? 'yes' : 'no',
        ]),
        output.style,
      ),
    )
  },
})

export const keyRemove = defineCommand({
  name: 'key rm',
  summary: 'Delete API keys',
  examples: ['key rm team-a', 'key rm key_0a1b2c'],
  positionals: [
    {
      name: 'key',
      summary: 'Id, or a name that only one key has',
      repeats: true,
      completes: 'key',
    },
  ],
  flags: connectionFlags,
  async run({ flags, positionals, io, output }) {
    const control = await connect(flags, io)
    for (const named of positionals.key) {
      const { id, name } = await findKey(control, named)
      await control.removeKey(id)
      output.data({ removed: id }, () => '')
      output.note(`${name} (${id}) is deleted.`)
    }
  },
})

export const keyEdit = defineCommand({
  name: 'key edit',
  summary: 'Change the limits of an API key',
  examples: ['key edit team-a --requests-per-minute 1200', 'key edit ci --expires never'],
  positionals: [{ name: 'key', summary: 'Id, or a name that only one key has', completes: 'key' }],
  flags: {
    name: { kind: 'text', summary: 'New name' },
    ...limitFlags,
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    const patch = {
      ...limitsFrom(flags),
      ...(flags.name === undefined ? {} : { name: flags.name }),
    }
    if (Object.keys(patch).length === 0) throw usageError('nothing to change')
    const control = await connect(flags, io)
    const view = await control.editKey((await findKey(control, positionals.key)).id, patch)
    output.data(view, () => '')
    output.note(`${view.name} (${view.id}) is changed.`)
  },
})

interface LimitFlags {
  readonly route: readonly string[]
  readonly 'requests-per-minute': string | undefined
  readonly 'tokens-per-minute': string | undefined
  readonly expires: string | undefined
}

function limitsFrom(flags: LimitFlags) {
  const requests = flags['requests-per-minute']
  const tokens = flags['tokens-per-minute']
  return {
    ...(flags.route.length === 0 ? {} : { routes: [...flags.route] }),
    ...(requests === undefined
      ? {}
      : { requestsPerMinute: countFrom('--requests-per-minute', requests) }),
    ...(tokens === undefined ? {} : { tokensPerMinute: countFrom('--tokens-per-minute', tokens) }),
    ...(flags.expires === undefined ? {} : { expiresAtMs: expiryFrom(flags.expires) }),
  }
}

function countFrom(flag: string, text: string): number | null {
  if (text === 'none') return null
  try {
    return parseCount(text)
  } catch (thrown) {
    throw usageError(`${flag}: ${(thrown as Error).message}, or none`)
  }
}

/** "30d" from now, a date, or `never`. */
function expiryFrom(text: string): number | null {
  if (text === 'never') return null
  const days = /^(\d+)([dhm])$/.exec(text)
  const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000 }[days?.[2] ?? 'd'] ?? 0
  const atMs = days ? Date.now() + Number(days[1]) * unitMs : Date.parse(text)
  if (Number.isNaN(atMs)) throw usageError(`--expires is like 30d, 2030-01-31 or never`)
  if (atMs <= Date.now())
    throw usageError(`--expires ${text} is over already`, '`baleen key rm` ends a key at once.')
  return atMs
}

async function findKey(control: ControlClient, named: string): Promise<KeyView> {
  const keys = await control.keys()
  const byId = keys.find(({ id }) => id === named)
  if (byId) return byId
  const [found, another] = keys.filter(({ name }) => name === named)
  if (!found) throw new AppError('key/not-found', { message: `there is no key "${named}"` })
  if (another) throw usageError(`several keys are named "${named}"`, 'Name one by its id.')
  return found
}
