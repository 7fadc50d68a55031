import { isUtf8 } from 'node:buffer'

/** Where a value stands in the body: from its first byte to the one after its last. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** The members of the body that the gateway itself looks at. */
export const scannedKeys = [
  'model',
  'stream',
  'stream_options',
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
  'messages',
  'prompt',
  'input',
  'user',
] as const
export type ScannedKey = (typeof scannedKeys)[number]

export interface ScannedBody<Key extends string = ScannedKey> {
  readonly spans: Partial<Record<Key, Span>>
  /** Just behind the opening brace: where a member can be put in. */
  readonly insideAt: number
  readonly isEmpty: boolean
}

export type ScanFailure = 'not-utf8' | 'not-json' | 'not-object' | 'too-deep'

export const depthMax = 64
/** Bodies up to here are checked byte by byte; in longer ones strings are skipped by native search. */
const strictBytesMax = 16_384

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/**
 * Finds the top-level members of a JSON object without building it: a fifth of the cost of JSON.parse on a long
 * prompt. Same answers as JSON.parse for every valid text; what it lets pass of an invalid one (escapes and control
 * characters in strings of a long body) the engine refuses. Of a repeated member the last counts, as there.
 */
export const scanBody = (body: Buffer): ScannedBody | ScanFailure => scanMembers(body, known)

/** The same for members of other names. */
export function scanMembers<Key extends string>(
  body: Buffer,
  names: ReadonlyMap<string, Key>,
): ScannedBody<Key> | ScanFailure {
  if (!isUtf8(body)) return 'not-utf8'
  const isStrict = body.length <= strictBytesMax
  const spans: Partial<Record<Key, Span>> = {}
  let at = skipSpace(body, 0)
  if (at === body.length) return 'not-json'
  if (body[at] !== openBrace) return skipValue(body, at, isStrict) > 0 ? 'not-object' : 'not-json'
  const insideAt = ++at
  at = skipSpace(body, at)
  if (body[at] === closeBrace) {
    return skipSpace(body, at + 1) === body.length ? { spans, insideAt, isEmpty: true } : 'not-json'
  }
  for (;;) {
    if (body[at] !== quote) return 'not-json'
    const keyEnd = skipString(body, at, isStrict)
    if (keyEnd < 0) return 'not-json'
    const key = readKey(body, at, keyEnd, names)
    at = skipSpace(body, keyEnd)
    if (body[at] !== colon) return 'not-json'
    const from = skipSpace(body, at + 1)
    const to = skipValue(body, from, isStrict)
    if (to < 0) return to === tooDeep ? 'too-deep' : 'not-json'
    if (key !== null) spans[key] = { from, to }
    at = skipSpace(body, to)
    if (body[at] === comma) at = skipSpace(body, at + 1)
    else if (body[at] === closeBrace) break
    else return 'not-json'
  }
  return skipSpace(body, at + 1) === body.length ? { spans, insideAt, isEmpty: false } : 'not-json'
}

const failed = -1
const tooDeep = -2

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

function skipSpace(body: Buffer, from: number): number {
  let at = from
  while (isSpace(body[at])) at++
  return at
}

/** Behind the value, or `failed` or `tooDeep`. */
function skipValue(body: Buffer, from: number, isStrict: boolean): number {
  const first = body[from]
  if (first === quote) return skipString(body, from, isStrict)
  if (first === openBrace || first === openBracket) return skipNested(body, from, isStrict)
  return skipPlain(body, from)
}

/** One bit a level: object or array. The value itself is level 2 of the body. */
const isObjectAt = new Uint8Array(depthMax + 1)

function skipNested(body: Buffer, from: number, isStrict: boolean): number {
  let depth = 1
  let at = from
  for (;;) {
    // At a value.
    const byte = body[at]
    if (byte === openBrace || byte === openBracket) {
      if (++depth > depthMax) return tooDeep
      const isObject = byte === openBrace
      isObjectAt[depth] = isObject ? 1 : 0
      at = skipSpace(body, at + 1)
      const isEmpty = body[at] === (isObject ? closeBrace : closeBracket)
      if (!isEmpty) {
        if (isObject) at = skipKey(body, at, isStrict)
        if (at < 0) return failed
        continue
      }
    } else {
      at = byte === quote ? skipString(body, at, isStrict) : skipPlain(body, at)
      if (at < 0) return failed
      at = skipSpace(body, at)
    }
    // Behind a value, or at the closing of an empty one.
    while (body[at] === (isObjectAt[depth] === 1 ? closeBrace : closeBracket)) {
      if (--depth === 1) return at + 1
      at = skipSpace(body, at + 1)
    }
    if (body[at] !== comma) return failed
    at = skipSpace(body, at + 1)
    if (isObjectAt[depth] === 1) at = skipKey(body, at, isStrict)
    if (at < 0) return failed
  }
}

/** Behind the colon of a member. */
function skipKey(body: Buffer, from: number, isStrict: boolean): number {
  if (body[from] !== quote) return failed
  const end = skipString(body, from, isStrict)
  if (end < 0) return failed
  const at = skipSpace(body, end)
  return body[at] === colon ? skipSpace(body, at + 1) : failed
}

function skipString(body: Buffer, from: number, isStrict: boolean): number {
  if (isStrict) return skipStringStrictly(body, from)
  for (let at = body.indexOf(quote, from + 1); at >= 0; at = body.indexOf(quote, at + 1)) {
    let before = at - 1
    while (body[before] === backslash) before--
    if ((at - before) % 2 === 1) return at + 1
  }
  return failed
}

function skipStringStrictly(body: Buffer, from: number): number {
  for (let at = from + 1; at < body.length; at++) {
    const byte = body[at]!
    if (byte === quote) return at + 1
    if (byte < 0x20) return failed
    if (byte === backslash) {
      const length = escapeLength(body, at)
      if (length < 0) return failed
      at += length - 1
    }
  }
  return failed
}

function escapeLength(body: Buffer, at: number): number {
  const kind = body[at + 1]
  if (kind === undefined) return failed
  if (kind !== 0x75) return '"\\/bfnrt'.includes(String.fromCharCode(kind)) ? 2 : failed
  for (let digit = at + 2; digit < at + 6; digit++) if (!isHex(body[digit])) return failed
  return 6
}

const isHex = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x46) ||
    (byte >= 0x61 && byte <= 0x66))

const plainPattern = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

/** A number or true, false, null. */
function skipPlain(body: Buffer, from: number): number {
  let to = from
  while (to < body.length && !isDelimiter(body[to]!)) to++
  // Token arrays are mostly short runs of digits.
  if (to > from && isDigits(body, from, to)) return to
  return plainPattern.test(body.toString('latin1', from, to)) ? to : failed
}

const isDelimiter = (byte: number): boolean =>
  byte === comma || byte === closeBrace || byte === closeBracket || isSpace(byte)

function isDigits(body: Buffer, from: number, to: number): boolean {
  if (body[from] === 0x30 && to - from > 1) return false
  for (let at = from; at < to; at++) if (body[at]! < 0x30 || body[at]! > 0x39) return false
  return true
}

const known: ReadonlyMap<string, ScannedKey> = new Map(scannedKeys.map((key) => [key, key]))

function readKey<Key extends string>(
  body: Buffer,
  from: number,
  to: number,
  names: ReadonlyMap<string, Key>,
): Key | null {
  const text = body.toString('latin1', from + 1, to - 1)
  if (!text.includes('\\')) return names.get(text) ?? null
  try {
    return names.get(JSON.parse(body.toString('utf8', from, to)) as string) ?? null
  } catch {
    return null
  }
}
