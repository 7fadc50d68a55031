import { createServer, type AddressInfo } from 'node:net'
import { sidePortOf } from '../../engines/pairing.ts'
import { knock } from './network-namespace.ts'
import type { ProcessNode } from './nodes.ts'

const remembered = 128
const [firstPort, ports] = [20_000, 12_000]

/**
 * Free ports, each given out once: the system may name one again before the replica that got it first listens. The one
 * after it is free as well (`sidePortOf`).
 */
export function createPorts(): (
  node: Pick<ProcessNode, 'name' | 'namespace' | 'address'>,
) => Promise<number> {
  const recent: string[] = []
  return async (node) => {
    for (;;) {
      const port =
        node.namespace === null ? await portFromSystem(node.address) : await portBeyond(node)
      const keys = [`${node.name}:${port}`, `${node.name}:${sidePortOf(port)}`]
      if (keys.some((key) => recent.includes(key))) continue
      if ((await knock(node.address, sidePortOf(port))) === 'open') continue
      recent.push(...keys)
      while (recent.length > remembered) recent.shift()
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
async function portBeyond({ address }: Pick<ProcessNode, 'address'>): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * ports)
    if ((await knock(address, port)) !== 'open') return port
  }
}
