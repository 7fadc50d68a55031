import type { Socket } from 'node:net'
import type { Ending, Exchange } from '../policy/measurement/exchange.ts'
import { createResponseReader, type ResponseReader } from '../wire/response-reader.ts'
import { openSocket, type Target } from './target.ts'

export interface ConnectionDeps {
  readonly target: Target
  /** Milliseconds on the run's clock. */
  readonly now: () => number
  /** One for all connections of a thread: a read is worked off before the next one begins. */
  readonly readBuffer: Buffer
  /** The exchange has its ending; `isReusable`: the connection can take another. */
  onEnd(connection: Connection, exchange: Exchange, isReusable: boolean): void
  /** An idle connection was closed by the peer. */
  onIdleClose(connection: Connection): void
}

/** A socket that carries one exchange at a time. A class: one for each stream, and it lives long. */
export class Connection {
  idleSinceMs = 0
  /** How long the server keeps an idle connection. Node's default of 5 s where it does not say. */
  keepAliveMs = 4000
  readonly #deps: ConnectionDeps
  readonly #reader: ResponseReader = createResponseReader()
  readonly #socket: Socket
  #exchange: Exchange | null = null
  /** Among those in flight; its launcher's. */
  place = -1
  isConnected = false
  /** Settles when the connection stands or has failed. */
  readonly opened: Promise<void>

  constructor(deps: ConnectionDeps) {
    this.#deps = deps
    this.#socket = openSocket(deps.target, {
      readBuffer: deps.readBuffer,
      onRead: (bytes, length) => this.#read(bytes, length),
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.opened = promise
    this.#socket.once('close', resolve)
    this.#socket.once(deps.target.isTls ? 'secureConnect' : 'connect', () => {
      resolve()
      this.isConnected = true
      if (this.#exchange) this.#exchange.connectedMs = this.#deps.now()
    })
    this.#socket.on('end', () => this.#ended())
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#failed(error))
    this.#socket.on('close', () => this.#closed())
  }

  get exchange(): Exchange | null {
    return this.#exchange
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  /** Starts the exchange: stamps it and gives the bytes to the socket. */
  send(exchange: Exchange, request: Buffer): void {
    this.#exchange = exchange
    this.#reader.begin(exchange)
    exchange.handedMs = this.#deps.now()
    this.#socket.write(request, () => {
      exchange.writtenMs = this.#deps.now()
    })
  }

  /** Ends the exchange in flight from this side. */
  abort(ending: Ending): void {
    const exchange = this.#exchange
    if (exchange === null) return
    exchange.ending ??= ending
    this.#finish(false)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #read(bytes: Buffer, length: number): void {
    const atMs = this.#deps.now()
    if (this.#exchange === null) return this.destroy()
    if (this.#reader.read(bytes, 0, length, atMs)) this.#finish(true, atMs)
    else if (this.#exchange.contentMs.length >= this.#exchange.abandonedAfter)
      this.abort('cancelled_by_plan')
  }

  #ended(): void {
    if (this.#exchange === null) return this.destroy()
    const atMs = this.#deps.now()
    this.#reader.endOfInput(atMs)
    this.#finish(false, atMs)
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#exchange === null) return
    this.#exchange.error ??= error.code ?? error.message
    // A reset may overtake the news of the connection that it ends.
    const isReset = this.isConnected || error.code === 'ECONNRESET'
    this.#exchange.ending ??= isReset ? 'reset' : 'connect'
    this.#finish(false)
  }

  #closed(): void {
    if (this.#exchange === null) this.#deps.onIdleClose(this)
    else {
      this.#exchange.ending ??= this.isConnected ? 'reset' : 'connect'
      this.#finish(false)
    }
  }

  #finish(mayReuse: boolean, atMs = this.#deps.now()): void {
    const exchange = this.#exchange
    if (exchange === null) return
    this.#exchange = null
    exchange.endedMs = atMs
    const { head } = this.#reader
    const isReusable =
      mayReuse && exchange.ending === 'complete' && head?.isKeptAlive === true && this.isUsable
    if (head?.keepAliveTimeoutMs != null)
      this.keepAliveMs = Math.max(0, head.keepAliveTimeoutMs - 1000)
    this.idleSinceMs = atMs
    if (!isReusable) this.destroy()
    this.#deps.onEnd(this, exchange, isReusable)
  }
}
