import { z } from 'zod'
import { processNames } from '../../contract/fault.ts'
import { AppError } from '../../core/errors.ts'
import { parseBytes, parseDurationMs } from '../../core/units.ts'

/** Whom a fault is for: checked where the spec is. */
const processShape = Object.fromEntries(
  processNames.map((name) => [name, name === 'pid' ? z.int().optional() : z.string().optional()]),
)
const ofProcess = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject({ ...processShape, ...shape })
const ofPod = z.strictObject({
  namespace: z.string(),
  pod: z.string().optional(),
  selector: z.string().optional(),
  kubeconfig: z.string().nullable().default(null),
  context: z.string().nullable().default(null),
})

const duration = z.string().transform(parseDurationMs)
const bytes = z.string().transform(parseBytes)
const portion = z.union([z.string(), z.number()]).transform(parsePortion)
/** "-5m" goes back. */
const shift = z
  .string()
  .transform((text) => (text[0] === '-' ? -1 : 1) * parseDurationMs(text.replace(/^[+-]/, '')))

const share = portion.default(1)
const afterEvents = z.int().default(3)
const place = { interface: z.string(), netns: z.string().nullable().default(null) }

/** Every action of a plan: what may stand behind its name, as the fields of the spec. */
export const planActions: Readonly<Record<string, z.ZodType<Record<string, unknown>>>> = {
  kill: ofProcess({}),
  terminate: ofProcess({}),
  stop: ofProcess({}),
  slow: ofProcess({ to: portion }).transform(({ to, ...rest }) => ({ ...rest, share: to })),
  'limit-files': ofProcess({ files: z.int() }),
  'limit-memory': ofProcess({ bytes }),
  'kill-pod': ofPod,
  'cut-pod': ofPod,
  'hog-cpu': z.strictObject({ cores: z.int() }),
  'hog-memory': z.strictObject({ bytes }),
  'fill-disk': z
    .strictObject({ path: z.string(), leave: bytes.default(0) })
    .transform(({ path, leave }) => ({ path, leaveBytes: leave })),
  skew: z
    .strictObject({ by: shift, 'faketime-file': z.string().nullable().default(null) })
    .transform(({ by, 'faketime-file': file }) => ({ byMs: by, file })),
  'cut-path': z.strictObject(place),
  'cut-node': z.strictObject({ netns: z.string() }),
  'degrade-path': z
    .strictObject({
      ...place,
      delay: duration.default(0),
      jitter: duration.default(0),
      loss: portion.default(0),
      'bytes-per-second': bytes.nullable().default(null),
    })
    .transform(({ delay, jitter, loss, 'bytes-per-second': rate, ...rest }) => ({
      ...rest,
      delayMs: delay,
      jitterMs: jitter,
      lossShare: loss,
      bytesPerS: rate,
    })),
  delay: z
    .strictObject({ by: duration, jitter: duration.default(0), share })
    .transform(({ by, jitter, ...rest }) => ({ ...rest, delayMs: by, jitterMs: jitter })),
  'slow-headers': z
    .strictObject({ by: duration, share })
    .transform(({ by, ...rest }) => ({ ...rest, delayMs: by })),
  throttle: z
    .strictObject({ 'bytes-per-second': bytes, share })
    .transform(({ 'bytes-per-second': rate, ...rest }) => ({ ...rest, bytesPerS: rate })),
  reset: z.strictObject({}),
  'black-hole': z.strictObject({}),
  'half-close': z.strictObject({}),
  cut: z
    .strictObject({ 'after-events': afterEvents, how: z.string().default('fin'), share })
    .transform(eventsRenamed),
  stall: z.strictObject({ 'after-events': afterEvents, share }).transform(eventsRenamed),
  garble: z.strictObject({ 'after-events': afterEvents, share }).transform(eventsRenamed),
  status: z.strictObject({ code: z.int(), share }),
  abandon: z.strictObject({ 'after-events': afterEvents, share }).transform(eventsRenamed),
}

function eventsRenamed<T extends { 'after-events': number }>({
  'after-events': count,
  ...rest
}: T): Record<string, unknown> {
  return { ...rest, afterEvents: count }
}

/** "20%", "0.2" or 0.2. */
function parsePortion(value: string | number): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(String(value).trim())
  const number = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : NaN
  if (number > 0 && number <= 1) return number
  throw new AppError('injection/bad-spec', { message: `"${value}" is no share; write 20%` })
}
