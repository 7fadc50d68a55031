import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createRunClock } from '../../src/injector/drive/run-clock.ts'
import type { GoldenScript } from './golden-script.ts'

/** One request as the server saw it, on the clock that the injector's stamps use. */
export interface GoldenArrival {
  readonly atMs: number
  readonly path: string
  readonly head: string
  readonly body: Record<string, unknown>
  /** When each step of the script was really written. */
  readonly writtenMs: number[]
  connection: number
}

export interface GoldenServer {
  readonly url: string
  readonly port: number
  readonly arrivals: readonly GoldenArrival[]
  /** Connections accepted so far, and those open now. */
  readonly connections: { accepted: number; open: number }
  close(): Promise<void>
}

/** A server whose behaviour is known exactly: it follows a script for each request and logs what it did when. */
export async function startGoldenServer(
  scriptOf: (arrival: GoldenArrival, index: number) => GoldenScript,
): Promise<GoldenServer> {
  const clock = createRunClock()
  const arrivals: GoldenArrival[] = []
  const connections = { accepted: 0, open: 0 }
  const sockets = new Set<Socket>()
  const timers = new Set<NodeJS.Timeout>()

  const server = createServer({ noDelay: true }, (socket) => {
    const connection = connections.accepted++
    connections.open++
    sockets.add(socket)
    let input: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => {
      connections.open--
      sockets.delete(socket)
    })
    socket.on('data', (bytes: Buffer) => {
      input = input.length === 0 ? bytes : Buffer.concat([input, bytes])
      for (;;) {
        const close = input.indexOf('\r\n\r\n')
        if (close === -1) return
        const head = input.toString('latin1', 0, close)
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
        if (input.length < close + 4 + length) return
        const text = input.toString('utf8', close + 4, close + 4 + length)
        input = input.subarray(close + 4 + length)
        receive(socket, connection, head, text)
      }
    })
  })

  function receive(socket: Socket, connection: number, head: string, text: string): void {
    const arrival: GoldenArrival = {
      atMs: clock(),
      path: head.split(' ')[1] ?? '',
      head,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      writtenMs: [],
      connection,
    }
    arrivals.push(arrival)
    const { steps } = scriptOf(arrival, arrivals.length - 1)
    const follow = (next: number): void => {
      for (let index = next; index < steps.length; index++) {
        const step = steps[index]!
        const waitMs = arrival.atMs + step.afterMs - clock()
        if (waitMs > 0) {
          const timer = setTimeout(() => {
            timers.delete(timer)
            follow(index)
          }, waitMs)
          timers.add(timer)
          return
        }
        if (socket.destroyed) return
        arrival.writtenMs.push(clock())
        if (step.bytes) socket.write(step.bytes)
        if (step.end === 'fin') socket.end()
        if (step.end === 'rst') socket.resetAndDestroy()
      }
    }
    follow(0)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    arrivals,
    connections,
    async close() {
      for (const timer of timers) clearTimeout(timer)
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
