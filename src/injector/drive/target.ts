import { lookup } from 'node:dns/promises'
import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Endpoint } from '../../contract/injection-spec.ts'
import { AppError } from '../../core/errors.ts'

/** Where requests go. The address is looked up once: a name service is not what is being measured. */
export interface Target {
  readonly address: string
  readonly port: number
  readonly host: string
  readonly isTls: boolean
  readonly path: string
  /** Header lines after the request line, each with its CRLF; they may hold a key and are never saved. */
  readonly headers: string
}

const paths: Record<Endpoint, string> = {
  chat: '/chat/completions',
  completions: '/completions',
  responses: '/responses',
  embeddings: '/embeddings',
}

/** Errors: `injection/bad-spec` for a URL that is none, `injection/unreachable` where nothing listens. */
export async function resolveTarget(
  baseUrl: string,
  endpoint: Endpoint,
  apiKey: string | undefined,
  extraHeaders: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const url = parseUrl(baseUrl)
  const isTls = url.protocol === 'https:'
  const port = Number(url.port) || (isTls ? 443 : 80)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const headers = {
    host: url.host,
    'content-type': 'application/json',
    accept: '*/*',
    'user-agent': 'baleen-inject',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...extraHeaders,
  }
  for (const [name, value] of Object.entries(headers))
    if (/[\r\n]/.test(name + value))
      throw new AppError('injection/bad-spec', { message: `header ${name} holds a line break` })
  return {
    address: await reachableAddress(host, port),
    port,
    host,
    isTls,
    path: url.pathname.replace(/\/$/, '') + paths[endpoint],
    headers: Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join(''),
  }
}

/** A base URL with `/v1` where none was given. */
export function parseUrl(text: string): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`)
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new AppError('injection/bad-spec', {
      message: `"${text}" is not a URL`,
      hint: 'Write it like http://127.0.0.1:8080/v1.',
    })
  if (url.pathname === '/') url.pathname = '/v1'
  return url
}

export interface SocketOptions {
  /** Reads go here, so that no buffer is made for each; the callback's bytes are gone when it returns. */
  readonly readBuffer: Buffer
  onRead(bytes: Buffer, length: number): void
}

export function openSocket(target: Target, options: SocketOptions): Socket {
  const { address, port } = target
  if (target.isTls) {
    const socket = connectTls({
      host: address,
      port,
      ...(target.host === address ? {} : { servername: target.host }),
      ALPNProtocols: ['http/1.1'],
    })
    socket.on('data', (bytes: Buffer) => options.onRead(bytes, bytes.length))
    socket.setNoDelay(true)
    return socket
  }
  const connectOptions: TcpNetConnectOpts = {
    host: address,
    port,
    noDelay: true,
    onread: {
      buffer: options.readBuffer,
      callback: (length, bytes) => {
        options.onRead(bytes as Buffer, length)
        return true
      },
    },
  }
  return connectTcp(connectOptions)
}

async function reachableAddress(host: string, port: number): Promise<string> {
  const addresses = await lookup(host, { all: true }).catch((cause: unknown) => {
    throw new AppError('injection/unreachable', { message: `no address for ${host}`, cause })
  })
  let cause: unknown
  for (const { address } of addresses)
    try {
      await tryConnect(address, port)
      return address
    } catch (thrown) {
      cause = thrown
    }
  throw new AppError('injection/unreachable', {
    message: `nothing answers at ${host}:${port}: ${(cause as Error).message}`,
    cause,
  })
}

function tryConnect(address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address, port, timeout: 5000 })
    const end = (error?: Error) => {
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end(new Error('no answer within 5 s')))
    socket.once('error', end)
  })
}
