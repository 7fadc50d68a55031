import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** In front of a server: bytes go both ways, until answers are held back. */
export interface Relay {
  /** `127.0.0.1:40123` */
  readonly host: string
  /** Bytes of answers that went through so far. */
  readonly answered: number
  /** Holds back what is beyond so many bytes of answers from now on. */
  hold(afterBytes: number): void
  /** Lets everything through again; connections that were held back break off. */
  release(): void
  stop(): Promise<void>
}

export async function startRelay(to: string): Promise<Relay> {
  const [address = '', port = ''] = to.split(':')
  const sockets = new Set<Socket>()
  const held = new Set<Socket>()
  let answered = 0
  let limit = Infinity
  const server = createServer((client) => {
    const upstream = connect(Number(port), address)
    for (const one of [client, upstream]) {
      sockets.add(one)
      one.once('close', () => sockets.delete(one))
    }
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      answered += chunk.length
      client.write(chunk)
      if (answered < limit) return
      upstream.pause()
      held.add(client)
    })
    upstream.once('end', () => client.end())
    client.once('error', () => upstream.destroy())
    client.once('close', () => upstream.destroy())
    upstream.once('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get answered() {
      return answered
    },
    hold(afterBytes) {
      limit = answered + afterBytes
    },
    release() {
      limit = Infinity
      for (const one of held) one.destroy()
      held.clear()
    },
    async stop() {
      for (const one of sockets) one.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
