import { parseArgs } from 'node:util'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'

/** A flat schema as the flags of a program of ours. */
export interface ProcessFlags<Flags> {
  /** `{ queueMax: 8 }` → `['--queue-max', '8']`, in the order of the schema. */
  write(flags: Flags): string[]
  /** Throws `cli/usage`. */
  read(argv: readonly string[]): Flags
}

export function defineFlags<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
): ProcessFlags<z.output<z.ZodObject<Shape>>> {
  const fields = Object.keys(schema.shape)
  return {
    write: (flags) =>
      fields.flatMap((field) => [`--${toFlag(field)}`, String(flags[field as keyof typeof flags])]),
    read(argv) {
      const options = Object.fromEntries(
        fields.map((field) => [toFlag(field), { type: 'string' as const }]),
      )
      try {
        const { values } = parseArgs({ args: [...argv], options, strict: true })
        const given = fields
          .map((field) => [field, values[toFlag(field)]] as const)
          .filter(([, value]) => value !== undefined)
        return schema.parse(
          Object.fromEntries(given.map(([field, value]) => [field, read(schema, field, value)])),
        )
      } catch (thrown) {
        const message = thrown instanceof z.ZodError ? z.prettifyError(thrown) : String(thrown)
        throw new AppError('cli/usage', { message, cause: thrown })
      }
    },
  }
}

/** A number where the field takes one: a model may be called "7". */
function read(schema: z.ZodObject, field: string, value: unknown): unknown {
  if (typeof value !== 'string' || !/^\d+(\.\d+)?$/.test(value)) return value
  const takesText = (schema.shape[field] as z.ZodType | undefined)?.safeParse('a text').success
  return takesText ? value : Number(value)
}

const toFlag = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
