import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../../core/errors.ts'
import type { EngineServer } from './server.ts'

/** The port it got. Throws `machine/port-busy`. */
export function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const code =
        'code' in cause && cause.code === 'EADDRINUSE' ? 'machine/port-busy' : 'engine/failed'
      reject(new AppError(code, { message: `${host}:${port}: ${cause.message}`, cause }))
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

/** Waits for the last answer. Still listening meanwhile: a 503 that says why is worth more than a refused connection. */
export async function drainServer(engineServer: EngineServer, limitMs: number): Promise<void> {
  const timeUp = new AbortController()
  await Promise.race([engineServer.whenIdle(), sleep(limitMs, null, { signal: timeUp.signal })])
  timeUp.abort()
  engineServer.server.close()
  engineServer.server.closeAllConnections()
}
