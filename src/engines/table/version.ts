/** `0.5.10.post1` → [0, 5, 10]: what follows the numbers does not decide what flags there are. */
const numbersOf = (version: string): readonly number[] =>
  (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number)

/** Whether a version is at least another one. llama.cpp's builds (`b9844`) are single numbers. */
export function isAtLeast(version: string, least: string): boolean {
  const left = numbersOf(version)
  const right = numbersOf(least)
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}
