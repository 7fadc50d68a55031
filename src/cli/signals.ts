/**
 * The first and the second wish to end. A terminal's Ctrl-C reaches Baleen twice where npm started it (once from the
 * terminal, once passed on by npm), so what follows within half a second is the same wish.
 */
export function watchSignals(
  source: Pick<NodeJS.Process, 'on'>,
  nowMs: () => number,
): { readonly first: AbortSignal; readonly second: AbortSignal } {
  const first = new AbortController()
  const second = new AbortController()
  let firstAtMs = 0
  const hear = () => {
    if (!first.signal.aborted) {
      firstAtMs = nowMs()
      first.abort()
    } else if (nowMs() - firstAtMs > sameWishMs) second.abort()
  }
  source.on('SIGINT', hear)
  source.on('SIGTERM', hear)
  // The terminal has gone away.
  source.on('SIGHUP', hear)
  return { first: first.signal, second: second.signal }
}

const sameWishMs = 500
