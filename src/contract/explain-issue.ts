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
  const expected = [first, ...others].flatMap((one) =>
    one.issue.code === 'invalid_type' ? one.issue.expected : [],
  )
  if (expected.length < 2) return faultOf(first.path, first.issue.message)
  const received = /, received .+$/.exec(first.issue.message)?.[0] ?? ''
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

/** Of the right type and wrong otherwise, else of another type as far inside as can be. */
const nearnessOf = ({ issue, path }: Placed): number =>
  issue.code === 'invalid_type' ? path.length : Infinity

const faultOf = (path: readonly PropertyKey[], message: string): Fault => ({
  param: path.join('.'),
  text: message.replace(/^(?:Invalid (?:input|option)|Too \w+): /, ''),
})
