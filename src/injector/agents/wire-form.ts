import { z } from 'zod'
import type { RequestRecord } from '../policy/measurement/record.ts'
import type { RunSources } from '../run-sources.ts'

/**
 * What crosses machines, as JSON: typed arrays as base64 of their bytes (little-endian, as every machine that runs Node
 * has them), NaN as null.
 */
export function encodeRecords(records: readonly RequestRecord[]): unknown[] {
  return records.map(({ contentMs, ...rest }) => ({ ...rest, contentMs: bytesOf(contentMs) }))
}

/** Error: whatever zod throws for what is no record. */
export const decodeRecords = (value: unknown): RequestRecord[] =>
  z.array(record).parse(value) as unknown as RequestRecord[]

export const encodeSources = ({ recording, imageTemplate, ...rest }: RunSources): unknown => ({
  ...rest,
  ...(recording
    ? {
        recording: {
          ...recording,
          timesMs: bytesOf(recording.timesMs),
          inputTokens: recording.inputTokens && bytesOf(recording.inputTokens),
          outputTokens: recording.outputTokens && bytesOf(recording.outputTokens),
        },
      }
    : {}),
  ...(imageTemplate
    ? { imageTemplate: { head: bytesOf(imageTemplate.head), tail: bytesOf(imageTemplate.tail) } }
    : {}),
})

/** From a coordinator that has shown its token: of the same program, and checked by the hash of the schedule. */
export function decodeSources(value: unknown): RunSources {
  const { recording, imageTemplate, ...rest } = value as Record<string, never>
  const given = recording as Record<string, string | null> | undefined
  const image = imageTemplate as Record<string, string> | undefined
  const sources: unknown = {
    ...rest,
    ...(given
      ? {
          recording: {
            ...(given as object),
            timesMs: doubles(given['timesMs']!),
            inputTokens: given['inputTokens'] && words(given['inputTokens']),
            outputTokens: given['outputTokens'] && words(given['outputTokens']),
          },
        }
      : {}),
    ...(image
      ? {
          imageTemplate: {
            head: Buffer.from(image['head']!, 'base64'),
            tail: Buffer.from(image['tail']!, 'base64'),
          },
        }
      : {}),
  }
  return sources as RunSources
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64')

/** A copy: the bytes of a buffer need not lie where eight of them may be read at once. */
const copied = (text: string): ArrayBuffer => Uint8Array.from(Buffer.from(text, 'base64')).buffer
const doubles = (text: string): Float64Array => new Float64Array(copied(text))
const words = (text: string): Uint32Array => new Uint32Array(copied(text))

const stamp = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN)
const count = z.number().nullable()
const record = z.object({
  index: z.int(),
  model: z.int(),
  turn: z.int(),
  outcome: z.string(),
  status: z.int(),
  error: z.string().nullable(),
  finishReason: z.string().nullable(),
  intendedMs: stamp,
  handedMs: stamp,
  writtenMs: stamp,
  connectedMs: stamp,
  headersMs: stamp,
  firstByteMs: stamp,
  firstEventMs: stamp,
  firstAnswerMs: stamp,
  finishMs: stamp,
  doneMs: stamp,
  endedMs: stamp,
  contentMs: z.base64().transform(doubles),
  outputTokens: count,
  promptTokens: count,
  cachedTokens: count,
  tokenSource: z.string(),
  wantedInputTokens: z.number(),
  wantedOutputTokens: z.number(),
  text: z.string().nullable(),
})
