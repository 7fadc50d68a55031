import type { Endpoint } from '../../contract/journal.ts'
import type { ScannedBody, ScannedKey, ScanFailure, Span } from './body-scan.ts'
import { reject, type Rejection } from './rejection.ts'

/** What the gateway has understood of a request. */
export interface CheckedRequest {
  readonly model: string
  readonly stream: boolean
  /** Answers asked for. */
  readonly n: number
  readonly maxTokens: number | null
  /** Whether the client wants the usage chunk of a stream. */
  readonly includesUsage: boolean
}

const nMax = 128
const tokensMax = 10_000_000
const modelLengthMax = 512

/** `coding`: what the request says of its body. */
export function rejectScan(failure: ScanFailure, coding?: string): Rejection {
  switch (failure) {
    case 'not-utf8':
      if (coding !== undefined && coding !== 'identity')
        return reject(
          'request/not-json',
          `The request body is compressed (content-encoding: ${shorten(coding)}): send it plain.`,
        )
      return reject('request/not-json', 'The request body is not valid UTF-8.')
    case 'not-json':
      return reject(
        'request/not-json',
        'We could not parse the JSON body of your request. The API expects a JSON payload, but what was sent was not valid JSON.',
      )
    case 'not-object':
      return reject('request/not-json', 'The request body must be a JSON object.')
    case 'too-deep':
      return reject('request/too-deep', 'The JSON body is nested too deeply.')
  }
}

/** Types and ranges of what the gateway uses, in the words of OpenAI's API. The rest is the engine's to judge. */
export function checkRequest(
  endpoint: Endpoint,
  body: Buffer,
  scanned: ScannedBody,
): CheckedRequest | Rejection {
  const { spans } = scanned
  const model = readValue(body, spans.model)
  if (model === undefined || model === null || model === '')
    return reject('request/invalid', 'you must provide a model parameter', { param: 'model' })
  if (typeof model !== 'string') return wrongType('model', 'a string', model)
  const subject = subjects[endpoint]
  if (!spans[subject]) return missing(subject)
  if (endpoint === 'embeddings')
    return { model, stream: false, n: 1, maxTokens: null, includesUsage: false }

  const stream = readValue(body, spans.stream) ?? false
  if (typeof stream !== 'boolean') return wrongType('stream', 'a boolean', stream)
  const n = readInteger(body, spans, 'n', 1, nMax)
  if (isRejection(n)) return n
  const bestOf = readInteger(body, spans, 'best_of', 1, nMax)
  if (isRejection(bestOf)) return bestOf
  const maxTokens = readInteger(body, spans, 'max_tokens', 0, tokensMax)
  if (isRejection(maxTokens)) return maxTokens
  const maxCompletion = readInteger(body, spans, 'max_completion_tokens', 1, tokensMax)
  if (isRejection(maxCompletion)) return maxCompletion
  const includesUsage = readIncludeUsage(body, spans.stream_options, stream)
  if (typeof includesUsage !== 'boolean') return includesUsage
  return {
    model,
    stream,
    n: Math.max(n ?? 1, bestOf ?? 1),
    maxTokens: maxCompletion ?? maxTokens,
    includesUsage,
  }
}

export const isRejection = (value: unknown): value is Rejection =>
  typeof value === 'object' && value !== null && 'apiCode' in value

/** A message never repeats more of a hostile request than this. */
export const shorten = (text: string): string =>
  text.length > modelLengthMax ? `${text.slice(0, modelLengthMax)}…` : text

const subjects = { chat: 'messages', completions: 'prompt', embeddings: 'input' } as const

function readIncludeUsage(
  body: Buffer,
  span: Span | undefined,
  stream: boolean,
): boolean | Rejection {
  const options = readValue(body, span)
  if (options === undefined || options === null) return false
  if (typeof options !== 'object' || Array.isArray(options))
    return wrongType('stream_options', 'an object', options)
  if (!stream)
    return reject(
      'request/invalid',
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      { param: 'stream_options' },
    )
  const includes = (options as { include_usage?: unknown }).include_usage ?? false
  if (typeof includes !== 'boolean')
    return wrongType('stream_options.include_usage', 'a boolean', includes)
  return includes
}

/** Null: left out. */
function readInteger(
  body: Buffer,
  spans: ScannedBody['spans'],
  key: ScannedKey,
  min: number,
  max: number,
): number | null | Rejection {
  const value = readValue(body, spans[key])
  if (value === undefined || value === null) return null
  if (typeof value !== 'number' || !Number.isInteger(value))
    return wrongType(key, 'an integer', value)
  if (value < min)
    return reject(
      'request/invalid',
      `Invalid '${key}': integer below minimum value. Expected a value >= ${min}, but got ${value} instead.`,
      { param: key, apiCode: 'integer_below_min_value' },
    )
  if (value > max)
    return reject(
      'request/invalid',
      `Invalid '${key}': integer above maximum value. Expected a value <= ${max}, but got ${value} instead.`,
      { param: key, apiCode: 'integer_above_max_value' },
    )
  return value
}

function readValue(body: Buffer, span: Span | undefined): unknown {
  if (!span) return undefined
  const text = body.toString('utf8', span.from, span.to)
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function missing(param: string): Rejection {
  return reject('request/invalid', `Missing required parameter: '${param}'.`, {
    param,
    apiCode: 'missing_required_parameter',
  })
}

function wrongType(param: string, expected: string, value: unknown): Rejection {
  return reject(
    'request/invalid',
    `Invalid type for '${param}': expected ${expected}, but got ${nameType(value)} instead.`,
    { param, apiCode: 'invalid_type' },
  )
}

function nameType(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number'
  return typeof value === 'undefined' ? 'an unreadable value' : `a ${typeof value}`
}
