/** One series of a metrics page. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Series by metric name. Lines that are none, and values that are no number, are left out. */
export function readSeries(
  text: string,
  isMeant: (series: Series) => boolean = () => true,
): ReadonlyMap<string, readonly Series[]> {
  const found = new Map<string, Series[]>()
  for (const line of text.split('\n')) {
    const match = sample.exec(line)
    const value = Number(match?.[3])
    if (!match?.[1] || !Number.isFinite(value)) continue
    const series = { labels: readLabels(match[2] ?? ''), value }
    if (!isMeant(series)) continue
    const known = found.get(match[1])
    if (known) known.push(series)
    else found.set(match[1], [series])
  }
  return found
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
      name!,
      value!,
    ]),
  )
}

// Label values may hold anything, escaped quotes and braces included.
const sample = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/
