/** `{ 'a.b': 1, 'a.c': 2 }` → `{ a: { b: 1, c: 2 } }`. A later whole value takes the place of its parts. */
export function nest(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const nested: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(flat)) {
    const [last = '', ...groups] = path.split('.').toReversed()
    let at = nested
    for (const group of groups.toReversed()) at = (at[group] ??= {}) as Record<string, unknown>
    at[last] = value
  }
  return nested
}
