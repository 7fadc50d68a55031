import { createServer, type AddressInfo } from 'node:net'
import { knock } from './network-namespace.ts'
import type { ProcessNode } from './nodes.ts'

const remembered = 64
const [firstPort, ports] = [20_000, 12_000]

/** Free ports, each given out once: the system may name one again before the replica that got it first listens. */
export function createPorts(): (node: ProcessNode) => Promise<number> {
  const recent: string[] = []
  return async (node) => {
    for (;;) {
      const port =
        node.namespace === null ? await portFromSystem(node.address) : await portBeyond(node)
      const key = `${node.name}:${port}`
      if (recent.includes(key)) continue
      recent.push(key)
      if (recent.length > remembered) recent.shift()
      return port
    }
  }
}

async function portFromSystem(host: string): Promise<number> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen(0, host, () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })
  return promise
}

/** Another namespace can't be asked for a port, but knocked at; below the range that its clients draw from. */
async function portBeyond({ address }: ProcessNode): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * ports)
    if ((await knock(address, port)) !== 'open') return port
  }
}
