import { createServer } from 'node:net'
import { sidePortOf } from '../../engines/pairing.ts'
import { knock } from './network-namespace.ts'
import type { ProcessNode } from './nodes.ts'

/** Below the range that connections draw their own port from: none of those takes one before its replica listens. */
const [firstPort, ports] = [20_000, 12_000]
const remembered = 64

/**
 * Free ports, each given out once: one may still be free before the replica that got it first listens. The one after it is
 * free as well (`sidePortOf`).
 */
export function createPorts(): (
  node: Pick<ProcessNode, 'name' | 'namespace' | 'address'>,
) => Promise<number> {
  const recent: string[] = []
  return async ({ name, namespace, address }) => {
    // Another namespace can't be asked for a port, but knocked at.
    const isFree = namespace === null ? canListen : isSilent
    for (;;) {
      const port = firstPort + 2 * Math.floor(Math.random() * (ports / 2))
      const key = `${name}:${port}`
      if (recent.includes(key)) continue
      if (!(await isFree(address, port)) || !(await isFree(address, sidePortOf(port)))) continue
      recent.push(key)
      if (recent.length > remembered) recent.shift()
      return port
    }
  }
}

const isSilent = async (host: string, port: number): Promise<boolean> =>
  (await knock(host, port)) !== 'open'

/** Throws where it is for another reason than that somebody has it: such an address has no ports at all. */
function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  server.once('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
  )
  server.listen(port, host, () => server.close(() => resolve(true)))
  return promise
}
