import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with the next request for a file's bytes. Each is used once, in order. */
export type Fault =
  | { readonly type: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** Nothing more comes, and the connection stays open. Unversioned: there is no ETag, as with many registries. */
  | { readonly type: 'stall'; readonly afterBytes: number; readonly isUnversioned?: true }
  /** Range and If-Range are not understood: the whole file comes with status 200. */
  | { readonly type: 'no-ranges' }
  /** Status 206 with another part than the one asked for. */
  | { readonly type: 'wrong-range' }
  /** Small pieces with pauses: slow, but alive. */
  | { readonly type: 'slow'; readonly pieceBytes: number; readonly pauseMs: number }
  | { readonly type: 'none' }

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

export interface RunningServer {
  readonly url: string
  /** Every request so far. */
  readonly seen: Seen[]
  /** Cuts every open connection. */
  cut(): void
  close(): Promise<void>
}

/** Listens on a free port of the loopback address and notes every request. */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<RunningServer> {
  const seen: Seen[] = []
  const server: Server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    cut: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export const sha256 = (content: Uint8Array): string =>
  createHash('sha256').update(content).digest('hex')

/** Answers with a file as object stores do: ETag, Range, If-Range, 206 and 416. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  fault: Fault = { type: 'none' },
): void {
  if (fault.type === 'status') {
    response.writeHead(fault.status, fault.headers).end()
    return
  }
  const etag = `"${sha256(content).slice(0, 32)}"`
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
  const isCurrent = (request.headers['if-range'] ?? etag) === etag
  const start = range !== undefined && isCurrent && fault.type !== 'no-ranges' ? Number(range) : 0
  if (start > 0 && start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
    return
  }
  const from = fault.type === 'wrong-range' ? Math.max(start - 10, 0) : start
  const isVersioned = fault.type !== 'stall' || !fault.isUnversioned
  const headers: Record<string, string | number> = {
    ...(isVersioned ? { etag } : {}),
    'content-length': content.length - from,
  }
  if (start > 0) headers['content-range'] = `bytes ${from}-${content.length - 1}/${content.length}`
  response.writeHead(start > 0 ? 206 : 200, headers)
  if (request.method === 'HEAD') response.end()
  else sendBody(response, content.subarray(from), fault)
}

function sendBody(response: ServerResponse, body: Buffer, fault: Fault): void {
  switch (fault.type) {
    case 'stall':
      response.write(body.subarray(0, fault.afterBytes))
      return
    case 'slow':
      sendSlowly(response, body, fault.pieceBytes, fault.pauseMs)
      return
    default:
      response.end(body)
  }
}

function sendSlowly(
  response: ServerResponse,
  body: Buffer,
  pieceBytes: number,
  pauseMs: number,
): void {
  response.write(body.subarray(0, pieceBytes))
  if (body.length <= pieceBytes) response.end()
  else
    setTimeout(() => sendSlowly(response, body.subarray(pieceBytes), pieceBytes, pauseMs), pauseMs)
}
