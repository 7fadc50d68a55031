import { createServer, type ServerResponse } from 'node:http'
import { Pool, type Dispatcher } from 'undici'

/**
 * The least that a proxy on `node:http` and undici can do, in its fastest form: what the gateway is measured
 * against. No keys, no limits, no checks, no records. argv: upstream URL, port.
 */
const [upstream = 'http://127.0.0.1:9000', port = '0'] = process.argv.slice(2)
const pool = new Pool(upstream, { headersTimeout: 0, bodyTimeout: 0, allowH2: false })

class Relay implements Dispatcher.DispatchHandler {
  readonly response: ServerResponse
  status = 0
  type = ''
  isStream = false
  chunks: Buffer[] = []
  constructor(response: ServerResponse) {
    this.response = response
  }
  onRequestStart(): void {}
  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.status = status
    this.type = String(headers['content-type'])
    this.isStream = this.type.startsWith('text/event-stream')
    if (this.isStream) this.response.writeHead(status, ['content-type', this.type])
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.isStream) return void this.chunks.push(chunk)
    if (this.response.write(chunk)) return
    controller.pause()
    this.response.once('drain', () => controller.resume())
  }
  onResponseEnd(): void {
    if (this.isStream) return void this.response.end()
    const body = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks)
    this.response.writeHead(this.status, [
      'content-type',
      this.type,
      'content-length',
      `${body.length}`,
    ])
    this.response.end(body)
  }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.response.destroy(error)
  }
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    pool.dispatch(
      {
        path: request.url ?? '/',
        method: 'POST',
        headers: ['content-type', 'application/json'],
        body,
      },
      new Relay(response),
    )
  })
})
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(
    `${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`,
  )
})
