import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'

/**
 * Proves that nobody listens on the port, and returns it (for 0: the one the system gave). The gateways share the
 * port among themselves, so any of them would start happily beside a stranger that shares it too: only an
 * exclusive listen tells. Error: `machine/port-busy`.
 */
export async function claimPort(
  host: string,
  port: number,
  setting: 'gateway' | 'control',
): Promise<number> {
  const deadlineMs = performance.now() + lingerMs
  for (;;)
    try {
      return await listenOnce(host, port)
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE' || performance.now() > deadlineMs)
        throw asPortError(thrown as NodeJS.ErrnoException, host, port, setting)
      await delay(50)
    }
}

/** A process that was just killed holds its port for a moment after it can no longer be found. */
const lingerMs = 1000

async function listenOnce(host: string, port: number): Promise<number> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen({ host, port, exclusive: true }, () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
  })
  return promise
}

function asPortError(
  thrown: NodeJS.ErrnoException,
  host: string,
  port: number,
  setting: string,
): unknown {
  if (thrown.code === 'EADDRINUSE')
    return new AppError('machine/port-busy', {
      message: `another process listens on ${host} port ${port}`,
      param: `${setting}.port`,
      hint: `Stop it, or choose another port with --${setting === 'gateway' ? 'port' : 'control-port'} (0: any free one).`,
      cause: thrown,
    })
  if (thrown.code === 'EACCES')
    return new AppError('machine/port-busy', {
      message: `this user may not listen on port ${port}`,
      param: `${setting}.port`,
      hint: 'Choose a port above 1023.',
      cause: thrown,
    })
  return new AppError('config/invalid', {
    message: `can't listen on ${host} port ${port}: ${thrown.message}`,
    param: `${setting}.host`,
    hint: 'Name an address of this machine.',
    cause: thrown,
  })
}
