import { paths } from './admission.ts'
import type { Attempt } from './attempt.ts'
import type { RequestRecord } from './request-record.ts'

/** Sends a body on its way: to the same path as it came by. */
export function dispatch(
  attempt: Attempt,
  { clientId, id, endpoint }: RequestRecord,
  body: Buffer,
): void {
  const { replica } = attempt
  const headers = ['content-type', 'application/json', 'x-request-id', clientId ?? id]
  const path = replica.basePath + paths[endpoint]
  replica.pool.dispatch({ path, method: 'POST', headers, body }, attempt)
}
