/** How requests arrive. */
export type Load =
  /** A fixed number of users, each with one request in flight. */
  | { readonly kind: 'closed'; readonly concurrency: number }
  /** Requests a second, whatever the answers take; null: the rate is not known. */
  | {
      readonly kind: 'open'
      readonly rateRps: number | null
      readonly prompts: number | null
      /** Requests of all replicas that were seen decoding, and that were seen at all, on average. Default: what the rate makes. */
      readonly seen?: { readonly decoding: number; readonly inFlight: number }
    }
  /** All prompts at once, or so many that the engine is never idle (null). */
  | { readonly kind: 'saturated'; readonly prompts: number | null }

/**
 * Reads the load as result tables write it: "64", "max_concurrency=16", "num_prompts=1000 rate=inf max_conc=96", "qps=4",
 * "Server qps=8.62", "Offline", "max-load", "open-loop ~10 req/s, 300 reqs". Null for anything else.
 */
export function parseLoad(text: string, rateRps: number | null): Load | null {
  const word = text.trim().toLowerCase()
  const number = (pattern: RegExp): number | null => {
    const match = pattern.exec(word)?.[1]
    return match === undefined ? null : Number(match)
  }
  const concurrency =
    number(/(?:max_?conc\w*|concurrency)\s*=\s*(\d+)/) ?? number(/^(\d+(?:\.\d+)?)$/)
  const prompts = number(/num_prompts\s*=\s*(\d+)/) ?? number(/(\d+)\s*req(?:uest)?s\b/)
  const rate =
    rateRps ?? number(/(?:qps|rate|rps)\s*=\s*(\d+(?:\.\d+)?)/) ?? number(/([\d.]+)\s*req\/s/)
  if (rate !== null && rate > 0) return { kind: 'open', rateRps: rate, prompts }
  if (concurrency !== null && concurrency > 0) return { kind: 'closed', concurrency }
  if (/open-loop/.test(word)) return { kind: 'open', rateRps: null, prompts }
  if (prompts !== null) return { kind: 'saturated', prompts }
  if (/offline|max-?load|saturat|inf/.test(word)) return { kind: 'saturated', prompts: null }
  return null
}
