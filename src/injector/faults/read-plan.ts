import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { faultSpec, type FaultSpec } from '../../contract/injection.ts'
import { AppError } from '../../core/errors.ts'
import { parseBytes, parseDurationMs } from '../../core/units.ts'

/** Who a process fault is for, before its pid is known. */
export interface ProcessChoice {
  readonly pid?: number | undefined
  readonly deployment?: string | undefined
  readonly replica?: string | undefined
}

const processChoice = z
  .strictObject({
    pid: z.int().positive().optional(),
    deployment: z.string().optional(),
    replica: z.string().optional(),
  })
  .refine((choice) => Object.values(choice).filter((value) => value !== undefined).length === 1, {
    message: 'name one of pid, deployment, replica',
  })

/** What stands in the file: the action is the key, its value what it needs. */
const entry = z.strictObject({
  name: z.string().optional(),
  at: z.string(),
  for: z.string(),
  kill: processChoice.optional(),
  stop: processChoice.optional(),
  terminate: processChoice.optional(),
  'hog-cpu': z.strictObject({ cores: z.int() }).optional(),
  'hog-memory': z.strictObject({ bytes: z.string() }).optional(),
  delay: z.strictObject({ by: z.string() }).optional(),
  throttle: z.strictObject({ 'bytes-per-second': z.string() }).optional(),
  reset: z.strictObject({}).optional(),
  'black-hole': z.strictObject({}).optional(),
  'half-close': z.strictObject({}).optional(),
  cut: z
    .strictObject({
      'after-events': z.int().default(3),
      how: z.enum(['fin', 'rst']).default('fin'),
    })
    .optional(),
  stall: z.strictObject({ 'after-events': z.int().default(3) }).optional(),
  status: z.strictObject({ code: z.int() }).optional(),
  garble: z.strictObject({ 'after-events': z.int().default(3) }).optional(),
})
const plan = z.strictObject({ faults: z.array(entry).min(1) })
type Entry = z.infer<typeof entry>

/** A fault plan with every process found. Error: `injection/bad-spec`. */
export async function readFaultPlan(
  path: string,
  pidOf: (choice: ProcessChoice) => Promise<number>,
): Promise<FaultSpec[]> {
  const found = plan.safeParse(parseFile(path))
  if (!found.success) throw bad(`${path}: ${z.prettifyError(found.error)}`)
  return Promise.all(found.data.faults.map((fault, index) => specOf(fault, index, pidOf)))
}

async function specOf(
  fault: Entry,
  index: number,
  pidOf: (choice: ProcessChoice) => Promise<number>,
): Promise<FaultSpec> {
  const { name, at, for: length, ...actions } = fault
  const kinds = Object.keys(actions).filter(
    (key) => actions[key as keyof typeof actions] !== undefined,
  )
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1)
    throw bad(`fault ${index + 1} needs one action, it has ${kinds.join(' and ') || 'none'}`)
  const chosen = fault.kill ?? fault.stop ?? fault.terminate
  const action = {
    kind,
    ...(chosen ? { pid: await pidOf(chosen) } : {}),
    ...fault['hog-cpu'],
    ...(fault['hog-memory'] ? { bytes: parseBytes(fault['hog-memory'].bytes) } : {}),
    ...(fault.delay ? { delayMs: parseDurationMs(fault.delay.by) } : {}),
    ...(fault.throttle ? { bytesPerS: parseBytes(fault.throttle['bytes-per-second']) } : {}),
    ...(fault.status ? { code: fault.status.code } : {}),
    ...(fault.cut ? { afterEvents: fault.cut['after-events'], how: fault.cut.how } : {}),
    ...(fault.stall ? { afterEvents: fault.stall['after-events'] } : {}),
    ...(fault.garble ? { afterEvents: fault.garble['after-events'] } : {}),
  }
  const result = faultSpec.safeParse({
    name: name ?? `${kind} at ${at}`,
    atMs: parseDurationMs(at),
    forMs: parseDurationMs(length),
    action,
  })
  if (!result.success) throw bad(`fault ${index + 1}: ${z.prettifyError(result.error)}`)
  return result.data
}

function parseFile(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw bad(`can't read ${path}: ${(cause as Error).message}`)
  }
}

const bad = (message: string): AppError =>
  new AppError('injection/bad-spec', {
    message,
    hint: 'A fault looks like: { at: 10s, for: 5s, stop: { deployment: my-model } }.',
  })
