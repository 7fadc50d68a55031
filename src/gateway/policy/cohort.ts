import type { SnapshotCohort } from '../../contract/snapshot.ts'

/** What a cohort can look at. */
export interface Asker {
  readonly keyId: string
  readonly keyName: string
  /** Of one header; undefined: it has not got it. */
  header(name: string): string | undefined
  /** The `user` of the request; null: it names none. */
  readonly user: string | null
}

/** Index of the target whose cohort the request belongs to; −1: of none. */
export function cohortTarget(
  targets: readonly { readonly deployment: string; readonly cohort: SnapshotCohort | null }[],
  asker: Asker,
): number {
  for (const [at, { cohort, deployment }] of targets.entries())
    if (cohort && isMember(cohort, asker, deployment)) return at
  return -1
}

function isMember(cohort: SnapshotCohort, asker: Asker, deployment: string): boolean {
  const { keys, header, users } = cohort
  if (keys.includes(asker.keyId) || keys.includes(asker.keyName)) return true
  if (header) {
    const value = asker.header(header.name)
    if (value !== undefined && (header.values.length === 0 || header.values.includes(value)))
      return true
  }
  // The same user is in or out for good, and in other users' company for another deployment.
  return users > 0 && shareOf(`${deployment}/${asker.user ?? asker.keyId}`) < users
}

/** FNV-1a with a final mix (murmur3's): where a name falls between 0 and 1. */
function shareOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash ^= text.charCodeAt(at)
    hash = Math.imul(hash, 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
