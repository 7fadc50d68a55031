import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type Authorise, readJson, send } from './http.ts'
import { refuseStatus } from './refuse.ts'
import type { Transfer } from './transfer.ts'

/** Base64 of `USER:PASSWORD` for a registry. Null: nobody has logged in there. */
export type RegistryLogin = (registry: string) => Promise<string | null>

const dockerConfig = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().optional() })).optional(),
})

/** What `docker login`, `podman login` or `oras login` left in the file. */
export const dockerLogin =
  (directory: string | undefined): RegistryLogin =>
  async (registry) => {
    const path = join(directory ?? join(homedir(), '.docker'), 'config.json')
    try {
      const { auths = {} } = dockerConfig.parse(JSON.parse(await readFile(path, 'utf8')))
      return (auths[registry] ?? auths[`https://${registry}`])?.auth ?? null
    } catch {
      return null
    }
  }

const token = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
})
const tokenBytesMax = 1 << 20
/** Where the registry does not say how long a token lasts. */
const tokenLifeS = 60

/**
 * What a registry wants to see: nothing, a password, or a token of the server that its challenge names (the
 * distribution specification's token authentication). A token that has grown old is renewed.
 */
export function createRegistryAccess(
  url: string,
  place: { readonly registry: string; readonly repository: string; readonly login: RegistryLogin },
  transfer: Transfer,
): Authorise {
  let known: { readonly header: string | null; readonly untilMs: number } | null = null

  const ask = async (): Promise<typeof known> => {
    const login = await place.login(place.registry)
    const basic = login === null ? null : `Basic ${login}`
    const root = new URL('/v2/', url).href
    const answer = await send(root, {}, transfer)
    await answer.body.dump()
    const challenge = answer.headers.get('www-authenticate') ?? ''
    if (answer.status !== 401) return { header: null, untilMs: Infinity }
    if (!/^bearer /i.test(challenge)) return { header: basic, untilMs: Infinity }
    const said = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    const realm = URL.parse(said['realm'] ?? '', root)
    const isSafe = realm?.protocol === 'https:' || realm?.hostname === new URL(root).hostname
    if (!realm || !isSafe) return { header: basic, untilMs: Infinity }
    if (said['service'] !== undefined) realm.searchParams.set('service', said['service'])
    realm.searchParams.set('scope', `repository:${place.repository}:pull`)
    const headers = basic === null ? {} : { authorization: basic }
    const given = await send(realm.href, { authorise: async () => headers }, transfer)
    if (given.status !== 200) await refuseStatus(given, `a token for ${place.repository}`)
    const parsed = token.parse(await readJson(given, tokenBytesMax))
    const lifeS = parsed.expires_in ?? tokenLifeS
    return {
      header: `Bearer ${parsed.token ?? parsed.access_token ?? ''}`,
      untilMs: performance.now() + (lifeS * 1000) / 2,
    }
  }

  return async () => {
    if (!known || performance.now() > known.untilMs) known = await ask()
    return known?.header == null ? {} : { authorization: known.header }
  }
}
