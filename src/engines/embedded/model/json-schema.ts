import { AppError } from '../../../core/errors.ts'

type Schema = Readonly<Record<string, unknown>>

/** JSON schema → GBNF, llama.cpp's grammar form. Throws `request/unsupported` on what a grammar can't hold to. */
export function schemaToGrammar(schema: unknown, param: string): string {
  const rules = createRules(schema, param)
  return rules.write(rules.visit(schema, 0))
}

/** Any JSON object. */
export const jsonObjectGrammar = (): string =>
  schemaToGrammar({ type: 'object' }, 'response_format')

/** One call of one of these tools, in the tags that `text/tool-calls.ts` reads. */
export function toolCallGrammar(
  tools: readonly { readonly name: string; readonly parameters: unknown }[],
): string {
  const calls = tools.map(({ name, parameters }) => ({
    properties: { name: { const: name }, arguments: parameters ?? { type: 'object' } },
    required: ['name', 'arguments'],
  }))
  // References inside a tool's parameters point to the root of those parameters.
  const bodies = calls.map((call, index) => {
    const rules = createRules(tools[index]?.parameters, 'tools', `tool${index}-`)
    const root = rules.visit({ type: 'object', ...call }, 0)
    return { root, text: rules.body() }
  })
  const choice = bodies.map(({ root }) => root).join(' | ')
  return [
    `root ::= "<tool_call>\\n" (${choice}) "\\n</tool_call>"`,
    ...bodies.map(({ text }) => text),
    basics,
  ].join('\n')
}

interface Rules {
  /** Returns an expression for the schema. */
  visit(schema: unknown, depth: number): string
  body(): string
  write(root: string): string
}

function createRules(root: unknown, param: string, prefix = ''): Rules {
  const lines: string[] = []
  const references = new Map<string, string>()
  const refuse = (what: string): never => {
    throw new AppError('request/unsupported', { message: `${param}: ${what}`, param })
  }
  const define = (expression: string): string => {
    const name = `${prefix}r${lines.length}`
    lines.push(`${name} ::= ${expression}`)
    return name
  }

  function visit(schema: unknown, depth: number): string {
    if (depth > depthMax) refuse(`the schema is nested deeper than ${depthMax}`)
    if (schema === true) return 'value'
    if (!isSchema(schema)) return refuse('a schema has to be an object')
    for (const key of Object.keys(schema))
      if (!known.has(key)) refuse(`"${key}" can't be enforced here; leave it out`)
    if (typeof schema['$ref'] === 'string') return visitReference(schema['$ref'], depth)
    if ('const' in schema) return literal(JSON.stringify(schema['const']))
    if (Array.isArray(schema['enum']))
      return define(schema['enum'].map((item) => literal(JSON.stringify(item))).join(' | '))
    const choices = schema['anyOf'] ?? schema['oneOf']
    if (Array.isArray(choices))
      return define(choices.map((choice) => visit(choice, depth + 1)).join(' | '))
    if (Array.isArray(schema['allOf']))
      return schema['allOf'].length === 1
        ? visit(schema['allOf'][0], depth + 1)
        : refuse('"allOf" with several schemas can\'t be enforced here')
    return visitTypes(schema, depth)
  }

  function visitTypes(schema: Schema, depth: number): string {
    const type = schema['type'] ?? guessType(schema)
    if (type === undefined) return 'value'
    if (Array.isArray(type))
      return define(type.map((one) => visitType(schema, one, depth)).join(' | '))
    return visitType(schema, type, depth)
  }

  function visitType(schema: Schema, type: unknown, depth: number): string {
    switch (type) {
      case 'object':
        return visitObject(schema, depth)
      case 'array':
        return visitArray(schema, depth)
      case 'string':
        return visitString(schema)
      case 'number':
      case 'integer':
      case 'boolean':
      case 'null':
        return type
      default:
        return refuse(`there is no type ${JSON.stringify(type)}`)
    }
  }

  function visitReference(reference: string, depth: number): string {
    const seen = references.get(reference)
    if (seen) return seen
    const path = reference.startsWith('#') ? reference.slice(1).split('/').slice(1) : null
    if (!path) return refuse(`"${reference}" points out of the schema`)
    let target: unknown = root
    for (const step of path) {
      const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      target = isSchema(target) && Object.hasOwn(target, key) ? target[key] : undefined
    }
    if (target === undefined) return refuse(`"${reference}" points nowhere`)
    const name = `${prefix}ref${references.size}`
    references.set(reference, name)
    const at = lines.push('') - 1
    lines[at] = `${name} ::= ${visit(target, depth + 1)}`
    return name
  }

  function visitObject(schema: Schema, depth: number): string {
    const properties = isSchema(schema['properties']) ? Object.entries(schema['properties']) : []
    const required = new Set(Array.isArray(schema['required']) ? schema['required'] : [])
    for (const name of required)
      if (!properties.some(([known]) => known === name))
        refuse(`required property ${JSON.stringify(name)} is not among the properties`)
    // JSON schema allows further properties by default; whoever lists some hardly wants others.
    const extra = schema['additionalProperties'] ?? properties.length === 0
    const extraPair = extra === false ? null : define(`string ws ":" ws ${visit(extra, depth + 1)}`)
    // From the last property to the first: what may follow when nothing, and when something, stands before it.
    let afterNone = extraPair ? define(`(${extraPair} ws ("," ws ${extraPair} ws)*)?`) : '""'
    let afterSome = extraPair ? define(`("," ws ${extraPair} ws)*`) : '""'
    for (const [name, property] of properties.toReversed()) {
      const pair = `${literal(JSON.stringify(name))} ws ":" ws ${visit(property, depth + 1)} ws`
      const first = `${pair} ${afterSome}`
      const next = `"," ws ${pair} ${afterSome}`
      const isRequired = required.has(name)
      const none = define(isRequired ? first : `${first} | ${afterNone}`)
      const some = define(isRequired ? next : `${next} | ${afterSome}`)
      afterNone = none
      afterSome = some
    }
    return define(`"{" ws ${afterNone} "}"`)
  }

  function visitArray(schema: Schema, depth: number): string {
    const item = visit(schema['items'] ?? true, depth + 1)
    const least = readCount(schema, 'minItems') ?? 0
    const most = readCount(schema, 'maxItems')
    if (most === 0) return '("[" ws "]")'
    const repeat = `{${Math.max(0, least - 1)},${most === null ? '' : most - 1}}`
    const items = `${item} ws ("," ws ${item} ws)${repeat}`
    return define(`"[" ws ${least === 0 ? `(${items})?` : items} "]"`)
  }

  function visitString(schema: Schema): string {
    const least = readCount(schema, 'minLength')
    const most = readCount(schema, 'maxLength')
    if (least === null && most === null) return 'string'
    return define(`"\\"" char{${least ?? 0},${most ?? ''}} "\\""`)
  }

  function readCount(schema: Schema, key: string): number | null {
    const value = schema[key]
    if (value === undefined) return null
    const isSane = typeof value === 'number' && Number.isInteger(value) && value >= 0
    return isSane && value <= repetitionsMax
      ? value
      : refuse(`"${key}" has to be a whole number up to ${repetitionsMax}`)
  }

  const body = (): string => lines.join('\n')
  return {
    visit,
    body,
    write: (rootExpression) => [`root ::= ${rootExpression}`, body(), basics].join('\n'),
  }
}

const depthMax = 64
/** llama.cpp refuses more. */
const repetitionsMax = 1000

const basics = String.raw`ws ::= | " " | "\n" [ \t]{0,20}
value ::= object | array | string | number | boolean | null
object ::= "{" ws (string ws ":" ws value ws ("," ws string ws ":" ws value ws)*)? "}"
array ::= "[" ws (value ws ("," ws value ws)*)? "]"
string ::= "\"" char* "\""
char ::= [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
boolean ::= "true" | "false"
null ::= "null"`

/** Enforced, or without meaning for what is valid. */
const known = new Set(
  `type properties required additionalProperties items minItems maxItems minLength maxLength enum const
  anyOf oneOf allOf $ref $defs definitions title description default examples $schema $id $comment format
  deprecated readOnly writeOnly`.split(/\s+/),
)

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function guessType(schema: Schema): string | undefined {
  if ('properties' in schema || 'required' in schema) return 'object'
  if ('items' in schema) return 'array'
  return undefined
}

const literal = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
