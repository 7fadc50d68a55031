import { createServer, type Server, type ServerResponse } from 'node:http'
import { AppError } from '../../core/errors.ts'
import { listen } from '../embedded/http/listening.ts'

/** Caches that this replica keeps for others, each under a name, until it is fetched. */
export interface Handover {
  readonly host: string
  readonly port: number
  /** It is there. Resolves when it was fetched, or is given up. */
  offer(name: string): Promise<void>
  close(): void
}

/** vLLM frees what nobody has fetched after so long (`kv_lease_duration`). */
const leaseMs = 30_000
/** SGLang waits so long for the other side (`SGLANG_DISAGGREGATION_WAITING_TIMEOUT`). */
const patienceMs = 300_000
/** So often it is asked again whether anybody still wants it. */
const lookMs = 2000

/** Stands for NIXL's agents and SGLang's bootstrap server: a replica that is gone can't be fetched from, either. */
export async function openHandover(
  at: { readonly host: string; readonly port: number },
  address: string,
): Promise<Handover> {
  const offers = new Map<string, () => void>()
  const waiting = new Map<string, ServerResponse>()
  const give = (name: string, to: ServerResponse): void => {
    to.writeHead(200).end()
    offers.get(name)?.()
  }
  const server: Server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://here')
    const name = pathname.slice(1)
    response.on('error', () => {})
    if (offers.has(name)) return give(name, response)
    if (searchParams.get('wait') === null) return void response.writeHead(404).end()
    waiting.set(name, response)
    response.once('close', () => {
      if (waiting.get(name) === response) waiting.delete(name)
    })
  })
  server.requestTimeout = 0
  const port = await listen(server, at)
  return {
    host: address,
    port,
    offer(name) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const lease = setTimeout(() => offers.get(name)?.(), leaseMs)
      lease.unref()
      offers.set(name, () => {
        clearTimeout(lease)
        offers.delete(name)
        resolve()
      })
      const other = waiting.get(name)
      if (other) give(name, other)
      return promise
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** One request fails of it; the engine goes on. */
export class CacheLost extends AppError {}

/**
 * Fetches a cache. `isWanted`: waits until it is there, as long as that holds; absent: has to be there. Throws
 * `CacheLost` where nobody has it.
 */
export async function fetchCache(
  { host, port }: { readonly host: string; readonly port: number },
  name: string,
  isWanted?: () => boolean,
): Promise<void> {
  const url = `http://${host}:${port}/${encodeURIComponent(name)}${isWanted ? '?wait' : ''}`
  const lateMs = performance.now() + patienceMs
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(lookMs) }).catch(
      (cause: unknown) => cause as Error,
    )
    if (answer instanceof Response && answer.ok) return
    const isSilent = answer instanceof Error && answer.name === 'TimeoutError'
    if (isSilent && isWanted?.() && performance.now() < lateMs) continue
    const why = answer instanceof Error ? answer.message : `status ${answer.status}`
    throw new CacheLost('engine/failed', {
      message: `the cache at ${host}:${port} could not be fetched: ${why}`,
    })
  }
}
