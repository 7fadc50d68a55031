import type { IncomingMessage } from 'node:http'
import type { SnapshotKey } from '../../contract/snapshot.ts'
import { cohortTarget } from '../policy/cohort.ts'
import type { Route } from '../route-table.ts'
import type { ScannedBody } from './body-scan.ts'

/** Enough to tell users apart. */
const userBytesMax = 256

/** Index of the target whose cohort a request belongs to; −1: of none. */
export function targetOf(
  route: Route,
  key: SnapshotKey,
  request: IncomingMessage,
  sent: { readonly body: Buffer; readonly scanned: ScannedBody } | null,
): number {
  if (!route.hasCohorts) return -1
  return cohortTarget(route.targets, {
    keyId: key.id,
    keyName: key.name,
    header(name) {
      const value = request.headers[name]
      return typeof value === 'string' ? value : value?.join(', ')
    },
    get user() {
      const span = sent?.scanned.spans.user
      if (!sent || !span) return null
      const text = sent.body.toString(
        'utf8',
        span.from,
        Math.min(span.to, span.from + userBytesMax),
      )
      return text.startsWith('"') ? text : null
    },
  })
}
