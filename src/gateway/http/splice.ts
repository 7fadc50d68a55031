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
  const edits: Edit[] = []
  const { model, stream_options: options } = scanned.spans
  if (change.servedName !== null && model)
    edits.push({ span: model, text: JSON.stringify(change.servedName) })
  if (change.wantsUsage)
    edits.push(setMember('stream_options', usageOf(body, options), options, scanned))
  return spliced(body, edits)
}

/** Writes members, in place of the last one of that name where there is one. Values are JSON. */
export const setMembers = (
  body: Buffer,
  scanned: ScannedBody<string>,
  members: Readonly<Record<string, string>>,
): Buffer =>
  spliced(
    body,
    Object.entries(members).map(([name, json]) =>
      setMember(name, json, scanned.spans[name], scanned),
    ),
  )

/** `stream_options` with the usage asked for. */
export function usageOf(body: Buffer, span: Span | undefined): string {
  if (!span) return '{"include_usage":true}'
  const options: unknown = JSON.parse(body.toString('utf8', span.from, span.to))
  return JSON.stringify({ ...(options as object | null), include_usage: true })
}

interface Edit {
  readonly span: Span
  readonly text: string
}

const setMember = (
  name: string,
  json: string,
  span: Span | undefined,
  { insideAt }: Pick<ScannedBody, 'insideAt'>,
): Edit =>
  span
    ? { span, text: json }
    : { span: { from: insideAt, to: insideAt }, text: `${JSON.stringify(name)}:${json},` }

function spliced(body: Buffer, edits: Edit[]): Buffer {
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
