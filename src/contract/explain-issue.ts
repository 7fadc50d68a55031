import type { z } from 'zod'

/** What is wrong with one parameter, and where. */
export interface Fault {
  /** `messages.0.content`; empty: the body itself. */
  readonly param: string
  /** "expected string or array, received number" */
  readonly text: string
}

/** One issue in words. Where several shapes would do, it is told by those that the value comes closest to. */
export function explainIssue(issue: z.core.$ZodIssue): Fault {
  const [first, ...others] = closest(issue, [])
  if (!first) return faultOf(issue.path, issue.message)
  const all = [first, ...others].map(({ issue: one }) => one)
  const expected = all.flatMap(expectedBy)
  if (all.length < 2 || expected.length < 2) return faultOf(first.path, first.issue.message)
  const [received = ''] = all.flatMap(({ message }) => /, received .+$/.exec(message)?.[0] ?? [])
  return faultOf(first.path, `expected ${[...new Set(expected)].join(' or ')}${received}`)
}

interface Placed {
  readonly issue: z.core.$ZodIssue
  readonly path: readonly PropertyKey[]
}

/** Of the shapes that would do, those that the value has most in common with. */
function closest(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Placed[] {
  const path = [...above, ...issue.path]
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ issue, path }]
  const all = issue.errors.flatMap(([first]) => (first ? closest(first, path) : []))
  const nearest = Math.max(...all.map(nearnessOf))
  return all.filter((one) => nearnessOf(one) === nearest)
}

/** Of the right type and wrong otherwise, else something else as far inside as can be. */
const nearnessOf = ({ issue, path }: Placed): number =>
  expectedBy(issue).length > 0 ? path.length : Infinity

/** Types, or the only values that would do. */
function expectedBy(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'invalid_type') return [issue.expected]
  return issue.code === 'invalid_value' ? issue.values.map((value) => JSON.stringify(value)) : []
}

const faultOf = (path: readonly PropertyKey[], message: string): Fault => ({
  param: path.join('.'),
  text: message.replace(/^(?:Invalid (?:input|option)|Too \w+): /, ''),
})
