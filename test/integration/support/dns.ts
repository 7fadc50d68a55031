import { createSocket } from 'node:dgram'
import type { ControlPlane } from './control-plane.ts'

/** Stands in for the cluster's DNS: knows Services by `NAME.NAMESPACE.svc.cluster.local`, and nothing else. */
export async function startDns(plane: ControlPlane, address: string) {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address: from }) => {
    void answer(plane, query).then((reply) => socket.send(reply, port, from))
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(53, address, resolve)
  })
  return { stop: () => new Promise<void>((resolve) => socket.close(resolve)) }
}

const headerBytes = 12
const [typeA, noSuchName] = [1, 3]

async function answer(plane: ControlPlane, query: Buffer): Promise<Buffer> {
  const labels: string[] = []
  let at = headerBytes
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const question = query.subarray(headerBytes, at + 5)
  const type = query.readUInt16BE(at + 1)
  const ip = await addressOf(plane, labels)
  const isKnown = ip !== null && type === typeA
  const header = Buffer.from(query.subarray(0, headerBytes))
  // An answer with authority, to one question; what else the query brought along is left out.
  header.writeUInt16BE(0x8580 | (ip === null ? noSuchName : 0), 2)
  for (const [offset, count] of [
    [4, 1],
    [6, isKnown ? 1 : 0],
    [8, 0],
    [10, 0],
  ] as const)
    header.writeUInt16BE(count, offset)
  if (!isKnown) return Buffer.concat([header, question])
  // The name is that of the question; type A, class IN, 5 s, 4 bytes.
  const record = Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 5, 0, 4])
  return Buffer.concat([header, question, record, Buffer.from(ip.split('.').map(Number))])
}

async function addressOf(plane: ControlPlane, labels: readonly string[]): Promise<string | null> {
  const [name, namespace, ...domain] = labels
  if (domain.join('.') !== 'svc.cluster.local') return null
  try {
    const path = `/api/v1/namespaces/${namespace}/services/${name}`
    const { spec } = (await plane.call('GET', path)) as { spec: { clusterIP: string } }
    return spec.clusterIP
  } catch {
    return null
  }
}
