import { createHash } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { z } from 'zod'
import { injectionSpec } from '../../contract/injection-spec.ts'
import { AppError } from '../../core/errors.ts'
import type { Schedule } from '../policy/workload/schedule.ts'

/**
 * A run on another machine: one HTTP request whose body and answer are both streams of JSON lines. Either side that
 * hears nothing for a while takes the other for lost; an agent then ends its load.
 */
export const runPath = '/v1/run'
export const lostAfterMs = 10_000
export const aliveEveryMs = 2000
export const protocolVersion = 2

/** A run with its prompts; no other line is long. */
const lineBytesMax = 512 * 2 ** 20

export const toAgent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('prepare'),
    version: z.literal(protocolVersion),
    runId: z.string(),
    spec: injectionSpec,
    sources: z.unknown(),
    /** Of the schedule: both sides have to have computed the same. */
    scheduleHash: z.string(),
    apiKey: z.string().nullable(),
    headers: z.record(z.string(), z.string()),
    shards: z.object({ first: z.int(), count: z.int() }),
    isOwned: z.boolean(),
  }),
  z.object({ kind: z.literal('ping'), sentMs: z.number() }),
  /** Time 0 of the run is so many milliseconds from the moment this comes in. */
  z.object({ kind: z.literal('go'), inMs: z.number() }),
  z.object({ kind: z.literal('stop') }),
  z.object({ kind: z.literal('alive') }),
])
export type ToAgent = z.infer<typeof toAgent>

const faultWindow = z.object({
  index: z.int(),
  fromMs: z.number(),
  toMs: z.number(),
  isUndone: z.boolean(),
  note: z.string(),
})

export const fromAgent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), machine: z.string() }),
  z.object({ kind: z.literal('pong'), sentMs: z.number() }),
  z.object({
    kind: z.literal('progress'),
    atMs: z.number(),
    handed: z.int(),
    ok: z.int(),
    failed: z.int(),
    inFlight: z.int(),
    outputTokens: z.number(),
    cpuMs: z.number(),
    /** HdrHistogram, compressed, base64. */
    ttftMs: z.string(),
    tpotMs: z.string(),
    clientDelayMs: z.string(),
  }),
  /** Records come in parts before it. */
  z.object({ kind: z.literal('records'), records: z.array(z.unknown()) }),
  z.object({
    kind: z.literal('done'),
    scheduled: z.int(),
    inFlightAreaMs: z.number(),
    cpuShare: z.number(),
    cpuMs: z.number(),
    eventLoopDelayMsP99: z.number(),
    priority: z.enum(['ordinary', 'raised', 'real-time']),
    stoppedBy: z.enum(['schedule', 'tokens', 'cost', 'interrupt']),
    stoppedAtMs: z.number(),
    stealShare: z.number().nullable(),
    clockDriftMs: z.number(),
    faults: z.array(faultWindow),
  }),
  z.object({ kind: z.literal('failed'), code: z.string(), message: z.string() }),
  z.object({ kind: z.literal('alive') }),
])
export type FromAgent = z.infer<typeof fromAgent>

export function writeLine(stream: Writable, message: ToAgent | FromAgent): void {
  if (!stream.destroyed && !stream.writableEnded) stream.write(`${JSON.stringify(message)}\n`)
}

/** Messages as they come. Error: `injection/agent` for what is none. */
export async function* readLines<T>(stream: Readable, schema: z.ZodType<T>): AsyncGenerator<T> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let rest = chunk
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]).toString('utf8')
      parts = []
      bytes = 0
      rest = rest.subarray(end + 1)
      yield parseMessage(line, schema)
    }
    parts.push(rest)
    bytes += rest.length
    if (bytes > lineBytesMax) throw bad('a line without end')
  }
}

/** What makes two machines sure that they follow the same schedule. */
export function hashSchedule(schedule: Schedule): string {
  const hash = createHash('sha256')
  for (const part of Object.values(schedule) as ArrayBufferView[])
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
  return hash.digest('hex')
}

function parseMessage<T>(line: string, schema: z.ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw bad('a line that is not JSON')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw bad(z.prettifyError(parsed.error))
}

const bad = (message: string): AppError =>
  new AppError('injection/agent', { message: `the other side sent ${message}` })
