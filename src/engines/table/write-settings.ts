import { everywhere, saidSettings } from '../settings-said.ts'
import { flatten } from './flat-settings.ts'
import { applies, isCant, type Rule, type RuleContext } from './rule.ts'

export interface WrittenSettings {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly config: Readonly<Record<string, unknown>>
  readonly warnings: readonly string[]
}

/** Handled for every engine that has a table. */
const common = new Set([...everywhere, 'engineVersion', 'image', 'extraArguments'])

/** All that was said, in the engine's language; what it has no word for becomes a warning. */
export function writeSettings(
  engine: string,
  rules: readonly Rule[],
  why: Readonly<Record<string, string>>,
  context: RuleContext,
): WrittenSettings {
  const argv: string[] = []
  const env: Record<string, string> = {}
  const config: Record<string, unknown> = {}
  const warnings: string[] = []
  const values = flatten(context.settings)
  for (const name of saidSettings(context.settings)) {
    if (common.has(name)) continue
    const own = rules.filter((rule) => rule.setting === name)
    const rule = own.find((one) => applies(one, context))
    if (!rule) {
      warnings.push(`${name}: ${whyNot(engine, own, why[name], context)}`)
      continue
    }
    const written = rule.write(values[name as keyof typeof values] as never, context)
    if (isCant(written)) {
      warnings.push(`${name}: ${written.cant}`)
      continue
    }
    argv.push(...(written.argv ?? []))
    Object.assign(env, written.env)
    Object.assign(config, written.config)
    if (written.note) warnings.push(`${name}: ${written.note}`)
  }
  return { argv, env, config, warnings }
}

function whyNot(
  engine: string,
  own: readonly Rule[],
  why: string | undefined,
  { version, spec }: RuleContext,
): string {
  const [first] = own
  if (!first) return why ?? `the engine ${engine} has no such setting`
  if (spec.installed?.flags) return `the ${engine} installed here has no ${first.flags.join(', ')}`
  const wanted = first.since
    ? `needs ${engine} ${first.since}`
    : `${engine} ${first.until} dropped it`
  return `${wanted}, and this is ${version}`
}
