import { AppError } from '../core/errors.ts'
import { embeddedEngine } from './embedded/embedded.ts'
import type { Engine } from './engine.ts'

/** One line an engine. */
export const engines: readonly Engine[] = [embeddedEngine]

/** Throws `engine/unknown`. */
export function findEngine(name: string): Engine {
  const found = engines.find((engine) => engine.name === name)
  if (found) return found
  const known = engines.map((engine) => engine.name).join(', ')
  throw new AppError('engine/unknown', { message: `no engine "${name}"; there is: ${known}` })
}
