import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { FaultAction } from '../../contract/fault.ts'
import { createRandom } from '../../core/random.ts'
import { streamSeed } from '../policy/statistics/draw.ts'
import { createFaultLink, type FaultLink } from './fault-link.ts'

/** A loopback relay between the driver and its target, which can be told to fail in many ways. */
export interface FaultProxy {
  readonly port: number
  apply(action: FaultAction): void
  /** Back to plain relaying; what was held passes. */
  clear(action: FaultAction): void
  close(): Promise<void>
}

/** `seed` decides which requests a fault with a share hits. */
export async function startFaultProxy(
  target: { address: string; port: number },
  seed: number,
): Promise<FaultProxy> {
  const random = createRandom(streamSeed(seed, 'faults'))
  const active = new Set<FaultAction>()
  const links = new Set<FaultLink>()

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client: Socket) => {
    const upstream = connect({ host: target.address, port: target.port, noDelay: true })
    const link = createFaultLink({ client, server: upstream, active, random })
    links.add(link)
    client.on('close', () => links.delete(link))
    if ([...active].some(({ kind }) => kind === 'reset')) link.reset()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    apply(action) {
      active.add(action)
      for (const link of links)
        if (action.kind === 'reset') link.reset()
        else if (action.kind === 'half-close') link.halfClose()
    },
    clear(action) {
      active.delete(action)
      for (const link of links) link.release()
    },
    async close() {
      for (const link of links) link.reset()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
