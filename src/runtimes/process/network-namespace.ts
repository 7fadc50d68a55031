import { existsSync } from 'node:fs'
import { connect } from 'node:net'

interface Place {
  readonly namespace: string | null
  readonly address: string
}

/** `ip netns` keeps its namespaces here. */
const pathOf = (namespace: string): string => `/run/netns/${namespace}`

/** Runs a command inside of a network namespace. `nsenter` becomes the command: the process keeps its id. */
export const inNamespace = (namespace: string, argv: readonly string[]): readonly string[] => [
  'nsenter',
  `--net=${pathOf(namespace)}`,
  '--',
  ...argv,
]

const answerMs = 500
/** A port where nothing listens: a machine that is up refuses it at once. */
const closedPort = 9

/** Why a node in a namespace of its own can't be reached. Null: it can, or it has none. */
export async function namespaceTrouble({ namespace, address }: Place): Promise<string | null> {
  if (namespace === null) return null
  if (!existsSync(pathOf(namespace))) return `the network namespace "${namespace}" is gone`
  const answer = await knock(address, closedPort)
  return answer === 'silence' ? `${address} does not answer` : null
}

/** Whether something listens there, nothing does, or nobody answers. */
export function knock(address: string, port: number): Promise<'open' | 'closed' | 'silence'> {
  const { promise, resolve } = Promise.withResolvers<'open' | 'closed' | 'silence'>()
  const socket = connect({ host: address, port, timeout: answerMs })
  socket.once('connect', () => resolve('open'))
  socket.once('timeout', () => resolve('silence'))
  socket.once('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code === 'ECONNREFUSED' ? 'closed' : 'silence'),
  )
  return promise.finally(() => socket.destroy())
}
