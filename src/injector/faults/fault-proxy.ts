import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { FaultAction } from '../../contract/injection.ts'

/** A loopback relay between the driver and its target, which can be told to fail in many ways. */
export interface FaultProxy {
  readonly port: number
  apply(action: FaultAction): void
  /** Back to plain relaying; what was held passes. */
  clear(action: FaultAction): void
  close(): Promise<void>
}

interface Link {
  readonly client: Socket
  readonly server: Socket
  /** Events of the answer that have passed since the last request. */
  events: number
  /** What waits until the fault is over, in its order. */
  held: (() => void)[]
  /** What waits for its time: nothing overtakes it, also when the fault has ended meanwhile. */
  readonly delayed: { readonly atMs: number; readonly act: () => void }[]
  isGarbled: boolean
}

export async function startFaultProxy(target: {
  address: string
  port: number
}): Promise<FaultProxy> {
  const active = new Set<FaultAction>()
  const links = new Set<Link>()
  const find = <K extends FaultAction['kind']>(kind: K) =>
    [...active].find((action) => action.kind === kind) as
      | Extract<FaultAction, { kind: K }>
      | undefined

  function reset(link: Link): void {
    link.client.resetAndDestroy()
    link.server.destroy()
  }

  function forward(link: Link, bytes: Buffer): void {
    if (!link.client.destroyed) link.client.write(bytes)
  }

  /** Does it after so long, and never before what came earlier. */
  function later(link: Link, delayMs: number, act: () => void): void {
    const { delayed } = link
    const lastMs = delayed.at(-1)?.atMs ?? 0
    if (delayMs === 0 && delayed.length === 0) return act()
    delayed.push({ atMs: Math.max(lastMs, performance.now() + delayMs), act })
    if (delayed.length === 1) arm(link)
  }
  function arm(link: Link): void {
    const [first] = link.delayed
    if (!first) return
    const waitMs = Math.max(0, first.atMs - performance.now())
    setTimeout(() => {
      first.act()
      link.delayed.shift()
      arm(link)
    }, waitMs)
  }
  /** The end of the server's side takes its turn behind the bytes that are still on their way. */
  function finish(link: Link, act: () => void): void {
    if (link.held.length > 0) link.held.push(act)
    else later(link, 0, act)
  }

  /** Bytes of the server on their way to the client. */
  function relay(link: Link, bytes: Buffer): void {
    const stall = find('stall')
    if (find('black-hole') || (stall && link.events >= stall.afterEvents)) {
      link.held.push(() => forward(link, bytes))
      return
    }
    const garble = find('garble')
    const cut = find('cut')
    const before = link.events
    link.events += countEvents(bytes)
    let passed = bytes
    if (garble && !link.isGarbled && link.events > garble.afterEvents) {
      link.isGarbled = true
      passed = Buffer.from(bytes.toString('latin1').replace(/data: ?\{/, 'data: [!'), 'latin1')
    }
    if (cut && link.events > cut.afterEvents) {
      forward(link, passed.subarray(0, endOfEvents(passed, cut.afterEvents - before)))
      if (cut.how === 'rst') reset(link)
      else {
        link.client.end()
        link.server.destroy()
      }
      return
    }
    const delay = find('delay')
    const throttle = find('throttle')
    if (throttle) {
      link.server.pause()
      setTimeout(
        () => {
          forward(link, passed)
          link.server.resume()
        },
        (passed.length * 1000) / throttle.bytesPerS,
      )
    } else later(link, delay?.delayMs ?? 0, () => forward(link, passed))
  }

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const link: Link = {
      client,
      server: connect({ host: target.address, port: target.port, noDelay: true }),
      events: 0,
      held: [],
      delayed: [],
      isGarbled: false,
    }
    links.add(link)
    const close = () => {
      links.delete(link)
      link.server.destroy()
      client.destroy()
    }
    client.on('error', close)
    client.on('close', close)
    if (find('reset')) return reset(link)
    client.on('data', (bytes: Buffer) => {
      link.events = 0
      link.isGarbled = false
      const status = find('status')
      if (status) {
        const body = '{"error":{"message":"injected fault","type":"server_error"}}'
        client.write(
          `HTTP/1.1 ${status.code} Injected\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        )
      } else if (!link.server.destroyed) link.server.write(bytes)
    })
    client.on('end', () => link.server.end())
    link.server.on('data', (bytes: Buffer) => relay(link, bytes))
    // What a failing server does reaches the client as what it is: an end, or a reset.
    link.server.on('end', () => finish(link, () => client.end()))
    link.server.on('error', () => finish(link, () => client.resetAndDestroy()))
    link.server.on('close', () => finish(link, () => client.destroySoon()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    apply(action) {
      active.add(action)
      if (action.kind === 'reset') for (const link of links) reset(link)
      if (action.kind === 'half-close') for (const link of links) link.client.end()
    },
    clear(action) {
      active.delete(action)
      for (const link of links) for (const act of link.held.splice(0)) later(link, 0, act)
    },
    async close() {
      for (const link of links) reset(link)
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Data events that begin in these bytes. */
function countEvents(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf('data:'); at !== -1; at = bytes.indexOf('data:', at + 5)) count++
  return count
}

/** Where the first `count` events of these bytes end. */
function endOfEvents(bytes: Buffer, count: number): number {
  let end = 0
  for (let seen = 0; seen < count; seen++) {
    const at = bytes.indexOf('\n\n', end)
    if (at === -1) return bytes.length
    end = at + 2
  }
  return end
}
