import type { Shell } from '../shell.ts'
import type { Answer } from './answer.ts'
import type { CheckedRequest } from './request-check.ts'
import type { HeaderList } from './response-head.ts'

/** How long a request may wait for a replica: as its model or else the config says, and no longer than it asks for. */
export function patienceMs(
  { table, times }: Shell,
  model: string | undefined,
  asked: string | string[] | undefined,
): number {
  const wakeMs = model === undefined ? null : (table.routes.get(model)?.wakeMs ?? null)
  const wishMs = Number(asked ?? Infinity)
  return Math.min(wakeMs ?? times.holdTimeoutMs, wishMs >= 0 ? wishMs : Infinity)
}

/** A model that may be asleep is asked for again and again: control may have been restarted. */
export function wake(shell: Shell, model: string | undefined): void {
  const route = model === undefined ? undefined : shell.table.routes.get(model)
  if (route && route.wakeMs !== null) shell.wake(route.name)
}

/** It still waits: a stream's client hears of it. From then on what goes wrong is an event of the stream. */
export function beat(
  shell: Shell,
  checked: CheckedRequest,
  answer: Answer,
  headers: () => HeaderList,
): void {
  wake(shell, checked.model)
  if (!checked.stream) return
  if (!answer.isStreaming) {
    // Nothing of an answer leaves while its opening record is only in memory.
    shell.journal.flush()
    answer.startStream(headers())
  }
  const reason = shell.table.routes.get(checked.model)?.reason ?? 'no replica is ready'
  answer.comment(`waiting: ${reason}`.replace(/\s+/g, ' '))
}
