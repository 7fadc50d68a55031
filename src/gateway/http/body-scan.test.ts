import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { depthMax, scanBody, scannedKeys, type ScannedBody } from './body-scan.ts'

function valuesOf(body: Buffer, scanned: ScannedBody): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(scanned.spans).map(([key, span]) => [
      key,
      JSON.parse(body.toString('utf8', span.from, span.to)),
    ]),
  )
}

/** What JSON.parse sees of the same members; undefined: not a JSON object. */
function expected(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return Object.fromEntries(
      scannedKeys
        .filter((key) => Object.hasOwn(value, key))
        .map((key) => [key, (value as Record<string, unknown>)[key]]),
    )
  } catch {
    return undefined
  }
}

/** Both the strict and the fast way through strings: the second needs a long body. */
function check(text: string): void {
  for (const padded of [text, text.replace(/\}\s*$/, (end) => `${' '.repeat(20_000)}${end}`)]) {
    const body = Buffer.from(padded)
    const scanned = scanBody(body)
    const values = expected(padded)
    if (values)
      expect(typeof scanned === 'string' ? scanned : valuesOf(body, scanned)).toEqual(values)
    else if (padded === text) expect(typeof scanned).toBe('string')
  }
}

const member = fc.tuple(
  fc.oneof(fc.constantFrom<string>(...scannedKeys), fc.string({ unit: 'binary' })),
  fc.jsonValue({ maxDepth: 4, noUnicodeString: false }),
)

describe('body scan', () => {
  it('finds what JSON.parse finds', () => {
    fc.assert(
      fc.property(
        fc.array(member, { maxLength: 8 }),
        fc.constantFrom('', ' ', '\n\t'),
        (members, space) => {
          const inside = members.map(
            ([key, value]) =>
              `${JSON.stringify(key)}${space}:${space}${JSON.stringify(value, null, space)}`,
          )
          check(`${space}{${space}${inside.join(`${space},${space}`)}${space}}${space}`)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('takes and refuses what JSON.parse takes and refuses, one letter away from valid', () => {
    const letters = fc.constantFrom(...'{}[],:"\\ntrue01-+.eE u\n'.split(''))
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom<string>(...scannedKeys), fc.jsonValue({ maxDepth: 3 })),
        fc.nat(),
        letters,
        fc.boolean(),
        (value, at, letter, isInsert) => {
          const text = JSON.stringify(value)
          const place = at % text.length
          check(text.slice(0, place) + letter + text.slice(place + (isInsert ? 0 : 1)))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('lives through any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Buffer.from(bytes)
        const values = expected(new TextDecoder('utf8', { ignoreBOM: true }).decode(body))
        const scanned = scanBody(body)
        if (typeof scanned !== 'string') expect(values).toBeDefined()
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['a repeated member counts last', '{"model":"a","model":"b"}'],
    ['a member written with escapes', String.raw`{"mod\u0065l":"a","\u006e":2}`],
    [
      'quotes and backslashes in strings',
      String.raw`{"messages":["\"model\":\"x\\"],"model":"\\\""}`,
    ],
    ['braces in strings', '{"prompt":"}]{[","model":"a"}'],
    ['a model that is no string', '{"model":{"a":[1,{}]}}'],
    ['an empty object', ' { } '],
  ])('%s', (_, text) => check(text))

  it.each([
    ['', 'not-json'],
    ['[1]', 'not-object'],
    ['"model"', 'not-object'],
    ['null', 'not-object'],
    ['{"a":1', 'not-json'],
    ['{"a":1}}', 'not-json'],
    ['{"a":01}', 'not-json'],
    ['{"a":NaN}', 'not-json'],
    ['{"a":1,}', 'not-json'],
    ["{'a':1}", 'not-json'],
    ['\uFEFF{"a":1}', 'not-json'],
  ])('refuses %j as %s', (text, failure) => expect(scanBody(Buffer.from(text))).toBe(failure))

  it('refuses bytes that are not UTF-8', () => {
    const body = Buffer.concat([
      Buffer.from('{"model":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ])
    expect(scanBody(body)).toBe('not-utf8')
  })

  it('allows 64 levels and not one more, and a million are no danger', () => {
    const nest = (levels: number) =>
      Buffer.from(`{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`)
    expect(scanBody(nest(depthMax))).toMatchObject({ isEmpty: false })
    expect(scanBody(nest(depthMax + 1))).toBe('too-deep')
    expect(scanBody(nest(1_000_000))).toBe('too-deep')
  })
})
