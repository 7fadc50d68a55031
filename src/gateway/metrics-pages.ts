import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import type { GatewayRecord } from '../contract/boot.ts'

/** A private port on this machine with this process's own metrics as JSON, for its siblings. */
export async function servePrivately(
  read: () => Promise<unknown>,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((_request, response) => {
    read().then(
      (metrics) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify(metrics))
      },
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const siblingTimeoutMs = 1000

/** What the other gateways of this data directory say. One that does not answer is left out. */
export async function readSiblings(runDirectory: string, self: number): Promise<unknown[]> {
  const names = readdirSync(runDirectory).filter((name) => /^gateway-\d+\.json$/.test(name))
  const answers = await Promise.all(
    names
      .filter((name) => name !== `gateway-${self}.json`)
      .map((name) => ask(join(runDirectory, name))),
  )
  return answers.filter((answer) => answer !== null)
}

async function ask(recordPath: string): Promise<unknown> {
  try {
    const { url } = JSON.parse(readFileSync(recordPath, 'utf8')) as GatewayRecord
    if (url === null) return null
    const { body } = await request(url, { signal: AbortSignal.timeout(siblingTimeoutMs) })
    return await body.json()
  } catch {
    return null
  }
}
