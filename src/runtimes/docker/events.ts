import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import { replicaLabel } from './container.ts'

export interface ContainerEvent {
  readonly id: string
  readonly exitCode: number | null
}

interface Listener {
  ended(event: ContainerEvent): void
  /** The stream is open; what came before it has to be looked up. */
  connected(): void
  /** Why the daemon can't be reached. Null: it can again. */
  stateChanged(reason: string | null): void
}

const [firstWaitMs, lastWaitMs] = [200, 5000]
/** A daemon that is started anew is away for a moment. */
const missesMax = 2

/** Follows what Docker tells of the containers, over losses of the connection. */
export function followEvents(
  docker: Docker,
  filters: { readonly label: readonly string[] },
  listener: Listener,
): { close(): void } {
  const stopped = new AbortController()
  const { signal } = stopped
  let misses = 0

  const follow = async (): Promise<void> => {
    const query = { label: [...filters.label], type: ['container' as const], event: ['die'] }
    const stream: NodeJS.ReadableStream = await docker.getEvents({
      filters: query,
      abortSignal: signal,
    })
    if (misses >= missesMax) listener.stateChanged(null)
    misses = 0
    listener.connected()
    const input = Readable.from(stream)
    signal.addEventListener('abort', () => input.destroy(), { once: true })
    for await (const line of createInterface({ input })) {
      const { Actor } = JSON.parse(line) as { Actor: { Attributes: Record<string, string> } }
      const id = Actor.Attributes[replicaLabel]
      const exitCode = Number(Actor.Attributes['exitCode'])
      if (id !== undefined)
        listener.ended({ id, exitCode: Number.isInteger(exitCode) ? exitCode : null })
    }
  }
  const run = async (): Promise<void> => {
    for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(waitMs * 2, lastWaitMs)) {
      let reason = 'the connection ended'
      try {
        await follow()
        waitMs = firstWaitMs
      } catch (thrown) {
        reason = (thrown as Error).message
      }
      if (signal.aborted) return
      if (++misses === missesMax) listener.stateChanged(reason)
      await delay(waitMs, undefined, { signal }).catch(() => {})
    }
  }
  void run()
  return { close: () => stopped.abort() }
}
