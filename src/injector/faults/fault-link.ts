import type { Socket } from 'node:net'
import type { FaultAction } from '../../contract/fault.ts'
import type { Random } from '../../core/random.ts'

/** One connection through the relay: one request at a time, each hit by the faults of its time. */
export interface FaultLink {
  reset(): void
  /** The side of the server says that it has ended. */
  halfClose(): void
  /** What was held passes, as far as no other fault holds it. */
  release(): void
}

export interface FaultLinkDeps {
  readonly client: Socket
  readonly server: Socket
  readonly active: ReadonlySet<FaultAction>
  readonly random: Random
}

type Of<K extends FaultAction['kind']> = Extract<FaultAction, { kind: K }>

export function createFaultLink({ client, server, active, random }: FaultLinkDeps): FaultLink {
  /** Whether the request is among the share that a fault hits; drawn once a request. */
  let draws = new Map<FaultAction, boolean>()
  /** What waits until the fault is over, in its order. */
  let held: (() => void)[] = []
  /** Of the answer, so far. */
  let events = 0
  let eventTail = ''
  let hasAnswer = false
  let isGarbled = false
  /** Bytes of the request that are still to come; null: its head has not come yet. */
  let missing: number | null = null
  const delayed: { readonly atMs: number; readonly act: () => void }[] = []

  function find<K extends FaultAction['kind']>(kind: K): Of<K> | undefined {
    for (const action of active) {
      if (action.kind !== kind) continue
      const share = 'share' in action ? action.share : 1
      const isHit = draws.get(action) ?? (share >= 1 || random() < share)
      draws.set(action, isHit)
      if (isHit) return action as Of<K>
    }
    return undefined
  }

  function reset(): void {
    client.resetAndDestroy()
    server.destroy()
  }

  /** Does it after so long, and never before what came earlier, also when a fault has ended meanwhile. */
  function later(delayMs: number, act: () => void): void {
    const nowMs = performance.now()
    if (delayMs === 0 && delayed.length === 0) return act()
    delayed.push({ atMs: Math.max(delayed.at(-1)?.atMs ?? 0, nowMs + delayMs), act })
    if (delayed.length === 1) arm()
  }

  function arm(): void {
    const [first] = delayed
    if (!first) return
    setTimeout(
      () => {
        first.act()
        delayed.shift()
        arm()
      },
      Math.max(0, first.atMs - performance.now()),
    )
  }

  function pass(bytes: Buffer, delayMs: number): void {
    later(delayMs, () => {
      if (!client.destroyed) client.write(bytes)
    })
  }

  /** The end of the server's side takes its turn behind the bytes that are still on their way. */
  function finish(act: () => void): void {
    if (held.length > 0) held.push(() => finish(act))
    else later(0, act)
  }

  function relay(bytes: Buffer): void {
    const isHead = !hasAnswer
    hasAnswer = true
    const stall = find('stall')
    if (find('black-hole') || (stall && events >= stall.afterEvents)) {
      held.push(() => relay(bytes))
      return
    }
    const before = events
    events += countEvents(bytes)
    const passed = garbled(bytes)
    const cut = find('cut')
    if (cut && events > cut.afterEvents) {
      pass(passed.subarray(0, endOfEvents(passed, cut.afterEvents - before)), 0)
      if (cut.how === 'rst') reset()
      else {
        client.end()
        server.destroy()
      }
      return
    }
    const throttle = find('throttle')
    const delay = find('delay')
    const slowHead = isHead ? find('slow-headers') : undefined
    const delayMs =
      (delay ? Math.max(0, delay.delayMs + (2 * random() - 1) * delay.jitterMs) : 0) +
      (slowHead?.delayMs ?? 0)
    if (!throttle) return pass(passed, delayMs)
    const takesMs = (passed.length * 1000) / throttle.bytesPerS
    server.pause()
    setTimeout(() => server.resume(), takesMs)
    pass(passed, delayMs + takesMs)
  }

  function garbled(bytes: Buffer): Buffer {
    const garble = find('garble')
    if (!garble || isGarbled || events <= garble.afterEvents) return bytes
    isGarbled = true
    return Buffer.from(bytes.toString('latin1').replace(/data: ?\{/, 'data: [!'), 'latin1')
  }

  /** Data events that begin in these bytes, whose mark may be cut in two. */
  function countEvents(bytes: Buffer): number {
    const text = eventTail + bytes.toString('latin1')
    eventTail = text.slice(-4)
    return text.split('data:').length - 1
  }

  client.on('data', (bytes: Buffer) => {
    if (hasAnswer || missing === null) {
      draws = new Map()
      events = 0
      eventTail = ''
      hasAnswer = false
      isGarbled = false
      missing = lengthOf(bytes)
    }
    missing -= bytes.length
    const status = find('status')
    if (!status) {
      if (!server.destroyed) server.write(bytes)
    } else if (missing <= 0) {
      missing = null
      client.write(refusal(status.code))
    }
  })
  client.on('end', () => server.end())
  const close = () => {
    server.destroy()
    client.destroy()
  }
  client.on('error', close)
  client.on('close', close)
  server.on('data', relay)
  // What a failing server does reaches the client as what it is: an end, or a reset.
  server.on('end', () => finish(() => client.end()))
  server.on('error', () => finish(() => client.resetAndDestroy()))
  server.on('close', () => finish(() => client.destroySoon()))

  return {
    reset,
    halfClose: () => client.end(),
    release() {
      const waiting = held
      held = []
      for (const act of waiting) act()
    },
  }
}

/** Bytes of a whole request, by the head that these begin with. */
function lengthOf(bytes: Buffer): number {
  const close = bytes.indexOf('\r\n\r\n')
  if (close === -1) return bytes.length
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, close))?.[1]
  return close + 4 + Number(length ?? 0)
}

function refusal(code: number): string {
  const body = '{"error":{"message":"injected fault","type":"server_error"}}'
  const retry = code === 429 || code === 503 ? 'retry-after: 1\r\n' : ''
  return `HTTP/1.1 ${code} Injected\r\ncontent-type: application/json\r\n${retry}content-length: ${body.length}\r\n\r\n${body}`
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
