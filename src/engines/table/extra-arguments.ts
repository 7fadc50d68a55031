import { AppError } from '../../core/errors.ts'
import type { Rule } from './rule.ts'

/** As engines' parsers see it: `--api_key` is `--api-key`, and `--compilation-config.mode` sets a part of a flag. */
const canonical = (argument: string): string =>
  (argument.split('=')[0] ?? '').split('.')[0]!.replaceAll('_', '-').toLowerCase()

/**
 * Lets through what an adapter does not write itself and what opens no door: no other address, no file or code of the
 * caller's choice, no secret in the command line. Error: `engine/bad-argument`.
 */
export function checkExtraArguments(
  engine: string,
  given: readonly string[],
  rules: readonly Rule[],
  forbidden: readonly string[],
): readonly string[] {
  for (const argument of given) {
    const name = canonical(argument)
    // Parsers take any beginning that is not ambiguous.
    const means = (one: string): boolean =>
      canonical(one) === name || canonical(one).startsWith(name)
    const rule = rules.find(({ flags }) => flags.some((one) => canonical(one) === name))
    if (rule)
      throw new AppError('engine/bad-argument', {
        message: `${name} of ${engine} is what settings.${rule.setting} writes`,
        param: 'settings.extraArguments',
        hint: `Use settings.${rule.setting}.`,
      })
    if (forbidden.some(means) || alwaysForbidden.some(means))
      throw new AppError('engine/bad-argument', {
        message: `${name} is not for deployments to set`,
        param: 'settings.extraArguments',
      })
  }
  return given
}

const alwaysForbidden = [
  '--host',
  '--port',
  '--api-key',
  '--trust-remote-code',
  '--model',
  '--ssl-keyfile',
  '--ssl-certfile',
]
