import { describe, expect, it } from 'vitest'
import { schemaToGrammar, toolCallGrammar } from './json-schema.ts'

const grammar = (schema: unknown): string => schemaToGrammar(schema, 'response_format')
/** The rules of this schema, without those that every grammar ends with. */
const rules = (schema: unknown): string => grammar(schema).split('\nws ::=')[0]!

describe('JSON schema as a grammar', () => {
  it('keeps the order of properties and lets optional ones out', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      required: ['a'],
    }
    expect(rules(schema)).toMatchInlineSnapshot(`
      "root ::= r4
      r0 ::= "\\"b\\"" ws ":" ws integer ws "" | ""
      r1 ::= "," ws "\\"b\\"" ws ":" ws integer ws "" | ""
      r2 ::= "\\"a\\"" ws ":" ws string ws r1
      r3 ::= "," ws "\\"a\\"" ws ":" ws string ws r1
      r4 ::= "{" ws r2 "}""
    `)
  })

  it('follows references, also to itself', () => {
    const schema = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
        },
      },
    }
    expect(rules(schema)).toMatchInlineSnapshot(`
      "root ::= ref0
      ref0 ::= r4
      r1 ::= ref0 | null
      r2 ::= "\\"next\\"" ws ":" ws r1 ws "" | ""
      r3 ::= "," ws "\\"next\\"" ws ":" ws r1 ws "" | ""
      r4 ::= "{" ws r2 "}""
    `)
  })

  it('writes constants with their quotes', () => {
    expect(rules({ enum: ['a"b', 1, null] })).toMatchInlineSnapshot(`
      "root ::= r0
      r0 ::= "\\"a\\\\\\"b\\"" | "1" | "null""
    `)
  })

  it('bounds arrays and strings', () => {
    const schema = { type: 'array', items: { type: 'string', maxLength: 5 }, minItems: 2 }
    expect(rules(schema)).toMatchInlineSnapshot(`
      "root ::= r1
      r0 ::= "\\"" char{0,5} "\\""
      r1 ::= "[" ws r0 ws ("," ws r0 ws){1,} "]""
    `)
  })

  it.each([
    [{ type: 'string', pattern: 'a' }, /pattern/],
    [{ type: 'number', minimum: 1 }, /minimum/],
    [{ type: 'thing' }, /thing/],
    [{ $ref: '#/nowhere' }, /nowhere/],
    [{ $ref: 'https://example.com/schema' }, /out of the schema/],
    [{ allOf: [{}, {}] }, /allOf/],
    [{ type: 'string', maxLength: 1e9 }, /maxLength/],
    [{ required: ['x'] }, /"x"/],
    [{ properties: { a: 3 } }, /object/],
  ])('refuses %j', (schema, message) => {
    expect(() => grammar(schema)).toThrow(message)
    expect(() => grammar(schema)).toThrow(expect.objectContaining({ code: 'request/unsupported' }))
  })

  it('refuses a schema nested without end, without overflowing', () => {
    let schema: object = { type: 'null' }
    for (let depth = 0; depth < 100_000; depth++) schema = { type: 'array', items: schema }
    expect(() => grammar(schema)).toThrow(/nested/)
  })

  it('forces one call of one of the tools', () => {
    const text = toolCallGrammar([
      { name: 'now', parameters: undefined },
      { name: 'weather', parameters: { type: 'object', properties: { city: {} } } },
    ])
    expect(text.split('\n')[0]).toMatchInlineSnapshot(
      `"root ::= "<tool_call>\\n" (tool0-r8 | tool1-r7) "\\n</tool_call>""`,
    )
    expect(text).toContain('"\\"weather\\""')
  })
})
