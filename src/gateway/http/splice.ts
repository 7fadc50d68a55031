import type { ScannedBody, Span } from './body-scan.ts'

/**
 * The body for the engine: the client's own bytes with at most two places changed. `servedName` null: the model as
 * the client wrote it. `wantsUsage`: have a stream end with its usage, which is what is metered.
 */
export function spliceBody(
  body: Buffer,
  scanned: ScannedBody,
  change: { readonly servedName: string | null; readonly wantsUsage: boolean },
): Buffer {
  const edits: { readonly span: Span; readonly text: string }[] = []
  const { model, stream_options: options } = scanned.spans
  if (change.servedName !== null && model)
    edits.push({ span: model, text: JSON.stringify(change.servedName) })
  if (change.wantsUsage) {
    if (options) edits.push({ span: options, text: withUsage(body, options) })
    else
      edits.push({
        span: { from: scanned.insideAt, to: scanned.insideAt },
        text: '"stream_options":{"include_usage":true},',
      })
  }
  if (edits.length === 0) return body
  edits.sort((left, right) => left.span.from - right.span.from)
  const parts: Buffer[] = []
  let at = 0
  for (const { span, text } of edits) {
    parts.push(body.subarray(at, span.from), Buffer.from(text))
    at = span.to
  }
  parts.push(body.subarray(at))
  return Buffer.concat(parts)
}

function withUsage(body: Buffer, span: Span): string {
  const options: unknown = JSON.parse(body.toString('utf8', span.from, span.to))
  return JSON.stringify({ ...(options as object | null), include_usage: true })
}
