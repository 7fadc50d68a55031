import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsV4Signer } from 'aws4fetch'
import { describe } from 'vitest'
import { s3StoreOf } from '../../src/models/pull/s3.ts'
import { storeContract } from '../fake-hub/store.contract.ts'
import { cached, freePort, has, need, startDaemon, until } from './support/tools.ts'

/** A server of the S3 protocol on a directory, which checks signatures: https://github.com/versity/versitygw */
const gateway = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'
const noRegistry = need('docker-registry', 'docker-registry')
  ? null
  : 'docker-registry is not there and can not be installed'
const noGateway = has('go') ? null : 'versitygw is built with Go, which is not there'

describe.skipIf(noRegistry !== null)(`a registry${noRegistry ? ` (${noRegistry})` : ''}`, () => {
  storeContract('Debian’s docker-registry', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'baleen-registry-'))
    const port = await freePort()
    const registry = `127.0.0.1:${port}`
    const config = join(folder, 'config.yml')
    writeFileSync(join(folder, 'users'), `friend:${hashOfSecret}\n`)
    writeFileSync(
      config,
      `version: 0.1
storage: { filesystem: { rootdirectory: ${folder}/data }, delete: { enabled: true } }
http: { addr: "${registry}" }
auth: { htpasswd: { realm: test, path: ${folder}/users } }
`,
    )
    const daemon = startDaemon(join(folder, 'log'), ['docker-registry', 'serve', config])
    const basic = { authorization: `Basic ${Buffer.from('friend:secret').toString('base64')}` }
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(new URL(path, `http://${registry}`), {
        ...init,
        headers: { ...basic, ...(init.headers as Record<string, string>) },
      })
    await until('the registry answers', async () => (await ask('/v2/')).ok, [daemon])
    const upload = async (repository: string, content: Buffer) => {
      const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
      const begun = await ask(`/v2/${repository}/blobs/uploads/`, { method: 'POST' })
      const place = new URL(begun.headers.get('location') ?? '', `http://${registry}`)
      place.searchParams.set('digest', digest)
      const headers = { 'content-type': 'application/octet-stream' }
      await must(ask(place.href, { method: 'PUT', headers, body: new Uint8Array(content) }))
      return { digest, size: content.length }
    }
    const loginOf = (user: string): string => {
      const directory = join(folder, user)
      mkdirSync(directory)
      const auth = Buffer.from(`${user}:secret`).toString('base64')
      writeFileSync(
        join(directory, 'config.json'),
        JSON.stringify({ auths: { [registry]: { auth } } }),
      )
      return directory
    }
    const manifestType = 'application/vnd.oci.image.manifest.v1+json'
    return {
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
        return `oci://${registry}/${repository}:v1`
      },
      options: { dockerConfig: loginOf('friend') },
      stranger: { dockerConfig: loginOf('stranger') },
      async close() {
        await daemon.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
})

describe.skipIf(noGateway !== null)(`an S3 store${noGateway ? ` (${noGateway})` : ''}`, () => {
  storeContract('versitygw', async () => {
    const program = join(
      cached('versitygw', gateway, (path) => {
        mkdirSync(path, { recursive: true })
        const env = { ...process.env, GOBIN: path, GOFLAGS: '-mod=mod' }
        execFileSync('go', ['install', gateway], { env, stdio: 'ignore', timeout: 900_000 })
      }),
      'versitygw',
    )
    const folder = mkdtempSync(join(tmpdir(), 'baleen-s3-'))
    mkdirSync(join(folder, 'data', 'models'), { recursive: true })
    const port = await freePort()
    const endpoint = `http://127.0.0.1:${port}`
    const root = ['--access', 'friend', '--secret', 'secret', '--port', `127.0.0.1:${port}`]
    const argv = [program, ...root, 'posix', join(folder, 'data')]
    const daemon = startDaemon(join(folder, 'log'), argv)
    const signed = async (method: string, path: string, body?: Buffer) => {
      const signer = new AwsV4Signer({
        method,
        url: endpoint + path,
        accessKeyId: 'friend',
        secretAccessKey: 'secret',
        service: 's3',
        region: 'us-east-1',
        headers: body ? { 'x-amz-checksum-sha256': checksumOf(body) } : {},
      })
      const { url, headers } = await signer.sign()
      return fetch(url, { method, headers, ...(body ? { body: new Uint8Array(body) } : {}) })
    }
    await until('the store answers', async () => (await signed('GET', '/models')).ok, [daemon])
    const storeOf = (secret: string) =>
      s3StoreOf({
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: 'friend',
        AWS_SECRET_ACCESS_KEY: secret,
      })
    return {
      async put(name, content) {
        await must(signed('PUT', `/models/small/${name}.gguf`, content))
        return `s3://models/small/${name}.gguf`
      },
      options: { s3: storeOf('secret') },
      stranger: { s3: storeOf('guessed') },
      async close() {
        await daemon.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
})

const checksumOf = (content: Buffer): string =>
  createHash('sha256').update(content).digest('base64')

async function must(answer: Promise<Response>): Promise<void> {
  const response = await answer
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
}

/** bcrypt of "secret", as `htpasswd -B` writes it. */
const hashOfSecret = '$2b$05$aaaaaaaaaaaaaaaaaaaaaOjOHCcGZ1ZydhnG2lX11qSmiRJbsbsA.'
