import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { faultSpec, type FaultSpec } from '../../contract/fault.ts'
import { AppError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { parseDurationMs } from '../../core/units.ts'
import { planActions } from './plan-actions.ts'

const plan = z.strictObject({
  faults: z
    .array(
      z.looseObject({
        name: z.string().optional(),
        at: z.string(),
        for: z.string(),
        /** So many times, this long from one onset to the next. */
        repeat: z.int().min(1).max(1000).default(1),
        every: z.string().optional(),
      }),
    )
    .min(1)
    .max(1000),
})
type Entry = z.infer<typeof plan>['faults'][number]

/** Error: `injection/bad-spec`. */
export function readFaultPlan(path: string): FaultSpec[] {
  const found = plan.safeParse(parseFile(path))
  if (!found.success) throw bad(`${path}: ${z.prettifyError(found.error)}`)
  return found.data.faults.flatMap((fault, index) => specsOf(fault, `fault ${index + 1}`))
}

function specsOf(fault: Entry, where: string): FaultSpec[] {
  const { name, at, for: length, repeat, every, ...actions } = fault
  const [kind, ...others] = Object.keys(actions)
  if (kind === undefined || others.length > 0)
    throw bad(`${where} needs one action, it has ${[kind, ...others].join(' and ') || 'none'}`)
  const schema = Object.hasOwn(planActions, kind) ? planActions[kind] : undefined
  if (!schema) throw unknownAction(where, kind)
  const given = schema.safeParse(actions[kind] ?? {})
  if (!given.success) throw bad(`${where}, ${kind}: ${z.prettifyError(given.error)}`)
  const forMs = parseDurationMs(length)
  const everyMs = every === undefined ? 0 : parseDurationMs(every)
  if (repeat > 1 && everyMs <= forMs)
    throw bad(`${where} is repeated: it needs an every that is longer than its for`)
  return Array.from({ length: repeat }, (_, round) => {
    const result = faultSpec.safeParse({
      name: `${name ?? `${kind} at ${at}`}${repeat > 1 ? ` (${round + 1})` : ''}`,
      atMs: parseDurationMs(at) + round * everyMs,
      forMs,
      action: { kind, ...given.data },
    })
    if (result.success) return result.data
    throw bad(`${where}: ${z.prettifyError(result.error)}`)
  })
}

function unknownAction(where: string, kind: string): AppError {
  const meant = nearest(kind, Object.keys(planActions))
  return bad(
    `${where}: there is no action "${kind}"; ${meant === null ? `one of ${Object.keys(planActions).join(', ')}` : `did you mean ${meant}?`}`,
  )
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
