import type { ErrorCode } from '../../core/errors.ts'

/** How soon another try may help, and how patient it becomes. */
interface Patience {
  readonly firstMs: number
  readonly mostMs: number
}

const minute = 60_000
/** Networks and servers that are away: the pull itself has tried six times before it says so. */
const usual: Patience = { firstMs: 2000, mostMs: 5 * minute }
/** It costs nothing but a look at a lock. */
const soon: Patience = { firstMs: 2000, mostMs: 5000 }
/** Until a person does something; asking costs the source a request or two. */
const seldom: Patience = { firstMs: 5 * minute, mostMs: 30 * minute }
/** Each try fetches all of it again. */
const costly: Patience = { firstMs: 10 * minute, mostMs: 6 * 60 * minute }
/** Space may be free any moment, and asking costs a request. */
const space: Patience = { firstMs: minute, mostMs: 5 * minute }

const byCode: Partial<Record<ErrorCode, Patience>> = {
  'model/busy': soon,
  'model/not-found': seldom,
  'model/forbidden': seldom,
  'model/bad-reference': seldom,
  'model/name-taken': seldom,
  'model/checksum': costly,
  'model/bad-file': costly,
  'model/no-room': space,
  'machine/disk-full': space,
  'machine/data-unwritable': space,
  'request/invalid': seldom,
}

/** Until a model is asked for again that could not be had `failures` times in a row: doubled each time, within bounds. */
export function retryAfterMs(
  code: ErrorCode,
  failures: number,
  askedS: number | undefined,
): number {
  const { firstMs, mostMs } = byCode[code] ?? usual
  const grownMs = Math.min(mostMs, firstMs * 2 ** (failures - 1))
  return Math.max(grownMs, (askedS ?? 0) * 1000)
}

/** Nothing but a person can mend it: who waits need not go on. */
export const isLasting = (code: ErrorCode): boolean => code in byCode && byCode[code] !== soon
