import { z } from 'zod'
import type { JournalClose, JournalOpen } from '../../contract/journal.ts'

const count = z.number().min(0)
const shared = {
  id: z.string().min(1),
  atMs: z.number(),
  key: z.string(),
  route: z.string(),
  endpoint: z.enum(['chat', 'completions', 'embeddings']),
  stream: z.boolean(),
}

const openLine = z.object({ t: z.literal('open'), ...shared, estimatedTokens: count })

const closeLine = z.object({
  t: z.literal('close'),
  ...shared,
  deployment: z.string().nullable(),
  replica: z.string().nullable(),
  outcome: z.enum(['ok', 'cancelled', 'rejected', 'failed', 'timeout']),
  status: z.int(),
  error: z.string().nullable(),
  clientId: z.string().nullable(),
  promptTokens: count,
  completionTokens: count,
  cachedTokens: count,
  isEstimated: z.boolean(),
  ttftMs: count.nullable(),
  e2eMs: count,
  holdMs: count,
  itlMsMean: count.nullable(),
  attempts: z.int(),
  failedOn: z.array(z.string()).optional(),
  prefill: z
    .object({
      deployment: z.string().nullable(),
      replica: z.string().nullable(),
      reason: z.string(),
      ms: z.number().nullable(),
    })
    .optional(),
  requestBytes: count,
  responseBytes: count,
})

const journalLine = z.discriminatedUnion('t', [openLine, closeLine])

export type JournalLine =
  | { readonly record: JournalOpen | JournalClose; readonly offset: number }
  /** A line that no gateway wrote like this: a full disk or a power cut can do that. */
  | { readonly record: null; readonly offset: number }

/**
 * Whole lines of a piece of a journal file that starts at byte `from`. A last line without its newline is left for
 * the next time: it may still be in the writing. `next` is where to go on.
 */
export function parseJournal(
  piece: Buffer,
  from: number,
): { readonly lines: readonly JournalLine[]; readonly next: number } {
  const lines: JournalLine[] = []
  let start = 0
  for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
    if (end > start)
      lines.push({ record: parseLine(piece.toString('utf8', start, end)), offset: from + start })
    start = end + 1
  }
  return { lines, next: from + start }
}

/** What is known of a request whose gateway ended before it did. The tokens are those that were reserved. */
export const closeOfLost = (open: JournalOpen, error: string): JournalClose => ({
  t: 'close',
  id: open.id,
  atMs: open.atMs,
  key: open.key,
  route: open.route,
  endpoint: open.endpoint,
  stream: open.stream,
  deployment: null,
  replica: null,
  outcome: 'failed',
  status: 502,
  error,
  clientId: null,
  promptTokens: open.estimatedTokens,
  completionTokens: 0,
  cachedTokens: 0,
  isEstimated: true,
  ttftMs: null,
  e2eMs: 0,
  holdMs: 0,
  itlMsMean: null,
  attempts: 0,
  requestBytes: 0,
  responseBytes: 0,
})

const newline = 0x0a

function parseLine(text: string): JournalOpen | JournalClose | null {
  try {
    return journalLine.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}
