import { createHash, randomBytes } from 'node:crypto'
import type { KeyInput } from '../../contract/api.ts'
import { createId } from '../../core/id.ts'
import type { StoredKey } from '../../store/store.ts'

const prefixLength = 8

export const hashKey = (key: string): string => createHash('sha256').update(key).digest('hex')

/** A new key and what is kept of it. The key itself is shown once and stored nowhere. */
export function createApiKey(
  input: KeyInput,
  nowMs: number,
): { readonly key: string; readonly stored: StoredKey } {
  const key = `bln_${randomBytes(32).toString('base64url')}`
  const stored = {
    id: createId('key'),
    hash: hashKey(key),
    prefix: key.slice(0, prefixLength),
    createdAtMs: nowMs,
    ...input,
  }
  return { key, stored }
}
