import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsV4Signer } from 'aws4fetch'
import { must } from './must.ts'
import { cached, freePort, has, startDaemon, until } from './tools.ts'

/** A server of the S3 protocol on a directory, which checks signatures: https://github.com/versity/versitygw */
const gateway = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'

export const noS3Store = has('go') ? null : 'versitygw is built with Go, which is not there'

export interface S3Server {
  readonly endpoint: string
  /** As AWS's tools read them. */
  variablesOf(secret: string, endpoint?: string): Record<string, string>
  /** Resolves to its reference. */
  put(name: string, content: Buffer): Promise<string>
  stop(): Promise<void>
}

export async function startS3Store(): Promise<S3Server> {
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
  return {
    endpoint,
    variablesOf: (secret, at = endpoint) => ({
      AWS_ENDPOINT_URL: at,
      AWS_ACCESS_KEY_ID: 'friend',
      AWS_SECRET_ACCESS_KEY: secret,
    }),
    async put(name, content) {
      await must(signed('PUT', `/models/small/${name}.gguf`, content))
      return `s3://models/small/${name}.gguf`
    },
    async stop() {
      await daemon.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const checksumOf = (content: Buffer): string =>
  createHash('sha256').update(content).digest('base64')
