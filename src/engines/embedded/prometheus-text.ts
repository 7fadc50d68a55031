/** Reads Prometheus text. The returned function sums a metric over its series; null: it isn't there. */
export function parsePrometheus(text: string): (name: string) => number | null {
  const sums = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = sample.exec(line)
    const value = Number(match?.[2])
    if (!match?.[1] || !Number.isFinite(value)) continue
    sums.set(match[1], (sums.get(match[1]) ?? 0) + value)
  }
  return (name) => sums.get(name) ?? null
}

// Label values may hold anything, escaped quotes and braces included.
const sample = /^([a-zA-Z_:][\w:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s+(\S+)/
