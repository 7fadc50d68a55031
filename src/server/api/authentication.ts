import { timingSafeEqual } from 'node:crypto'
import { AppError } from '../../core/errors.ts'
import type { StoredKey } from '../../store/store.ts'
import { hashKey } from '../control/api-key.ts'

export interface AuthenticationDeps {
  readonly adminToken: string
  keys(): readonly StoredKey[]
  nowMs(): number
}

/** Who asks: `admin` for the token of the machine, else the id of an admin key. Errors: `key/…`. */
export function authenticate(header: string | undefined, deps: AuthenticationDeps): string {
  const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
  if (token === undefined)
    throw new AppError('key/missing', {
      message: 'this needs a bearer token',
      hint: 'Send `Authorization: Bearer …` with the admin token or an admin key.',
    })
  const hash = hashKey(token)
  // Hashes are of one length, and what they are compared with does not leak by time.
  if (isSame(hash, hashKey(deps.adminToken))) return 'admin'
  const key = deps.keys().find((one) => isSame(one.hash, hash))
  if (!key || (key.expiresAtMs !== null && key.expiresAtMs <= deps.nowMs()))
    throw new AppError('key/unknown', { message: 'the token is neither known nor a valid key' })
  if (!key.isAdmin)
    throw new AppError('key/forbidden', {
      message: `the key "${key.name}" may not use this API`,
      hint: 'Use the admin token, or a key made with `baleen key create --admin`.',
    })
  return key.id
}

const isSame = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
