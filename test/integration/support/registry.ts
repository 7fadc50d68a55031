import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from './must.ts'
import { freePort, need, startDaemon, until } from './tools.ts'

/** A registry that asks for a login, with a repository for each model. */
export interface Registry {
  /** `127.0.0.1:5000` */
  readonly host: string
  /** A directory with what Docker keeps of a login, at the registry itself or at what is in front of it. */
  loginOf(user: string, host?: string): string
  put(name: string, content: Buffer): Promise<{ readonly repository: string; readonly tag: string }>
  stop(): Promise<void>
}

export const noRegistry = need('docker-registry', 'docker-registry')
  ? null
  : 'docker-registry is not there and can not be installed'

const manifestType = 'application/vnd.oci.image.manifest.v1+json'

export async function startRegistry(): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'baleen-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  const config = join(folder, 'config.yml')
  writeFileSync(join(folder, 'users'), `friend:${hashOfSecret}\n`)
  writeFileSync(
    config,
    `version: 0.1
storage: { filesystem: { rootdirectory: ${folder}/data }, delete: { enabled: true } }
http: { addr: "${host}" }
auth: { htpasswd: { realm: test, path: ${folder}/users } }
`,
  )
  const daemon = startDaemon(join(folder, 'log'), ['docker-registry', 'serve', config])
  const basic = { authorization: `Basic ${Buffer.from('friend:secret').toString('base64')}` }
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, `http://${host}`), {
      ...init,
      headers: { ...basic, ...(init.headers as Record<string, string>) },
    })
  await until('the registry answers', async () => (await ask('/v2/')).ok, [daemon])
  const upload = async (repository: string, content: Buffer) => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    const begun = await ask(`/v2/${repository}/blobs/uploads/`, { method: 'POST' })
    const place = new URL(begun.headers.get('location') ?? '', `http://${host}`)
    place.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    await must(ask(place.href, { method: 'PUT', headers, body: new Uint8Array(content) }))
    return { digest, size: content.length }
  }
  return {
    host,
    loginOf(user, at = host) {
      const directory = mkdtempSync(join(folder, `${user}-`))
      mkdirSync(directory, { recursive: true })
      const auth = Buffer.from(`${user}:secret`).toString('base64')
      writeFileSync(join(directory, 'config.json'), JSON.stringify({ auths: { [at]: { auth } } }))
      return directory
    },
    async put(name, content) {
      const repository = `org/${name}`
      const layer = {
        mediaType: 'application/octet-stream',
        ...(await upload(repository, content)),
        annotations: { 'org.opencontainers.image.title': `${name}.gguf` },
      }
      const empty = { mediaType: 'application/vnd.oci.empty.v1+json' }
      const config = { ...empty, ...(await upload(repository, Buffer.from('{}'))) }
      const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }
      await must(
        ask(`/v2/${repository}/manifests/v1`, {
          method: 'PUT',
          headers: { 'content-type': manifestType },
          body: JSON.stringify(manifest),
        }),
      )
      return { repository, tag: 'v1' }
    },
    async stop() {
      await daemon.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** bcrypt of "secret", as `htpasswd -B` writes it. */
const hashOfSecret = '$2b$05$aaaaaaaaaaaaaaaaaaaaaOjOHCcGZ1ZydhnG2lX11qSmiRJbsbsA.'
