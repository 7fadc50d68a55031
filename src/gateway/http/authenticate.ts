import { hash } from 'node:crypto'
import type { SnapshotKey } from '../../contract/snapshot.ts'
import type { Shell } from '../shell.ts'
import { reject, type Rejection } from './rejection.ts'

/** Finds the key of an `Authorization` header. The key itself is kept nowhere, only its hash is compared. */
export function authenticate(
  header: string | undefined,
  { table, clock, catchUp }: Pick<Shell, 'table' | 'clock' | 'catchUp'>,
): SnapshotKey | Rejection {
  const secret = header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : ''
  if (secret === '')
    return reject(
      'key/missing',
      "You didn't provide an API key. Send it in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )
  if (!table.isLoaded)
    return reject('gateway/no-ready-replica', 'The platform is starting.', { retryAfterMs: 1000 })
  const digest = hash('sha256', secret, 'hex')
  if (!table.keys.has(digest)) catchUp()
  const key = table.keys.get(digest)
  if (!key)
    return reject('key/unknown', `Incorrect API key provided: ${mask(secret)}.`, {
      apiCode: 'invalid_api_key',
    })
  if (key.expiresAtMs !== null && key.expiresAtMs <= clock.nowMs())
    return reject('key/unknown', `The API key ${mask(secret)} has expired.`)
  return key
}

/** Enough to recognise it, too little to use it. */
const mask = (secret: string): string =>
  secret.length < 12 ? '****' : `${secret.slice(0, 6)}****${secret.slice(-2)}`
