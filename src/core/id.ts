import { randomBytes, randomUUID } from 'node:crypto'

/** A sortable-by-nothing, collision-free name: `req_…`, `rep_…`. */
export const createId = (prefix: string): string => `${prefix}_${randomUUID().replaceAll('-', '')}`

/** A short suffix people can read out: replica `minimind2-k3x9q1`. */
export function createSuffix(length = 6): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'
  return Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join('')
}
