import type { EngineSettings } from '../../contract/engine-settings.ts'
import type { ReplicaSpec } from '../engine.ts'
import type { Said, SettingName } from './flat-settings.ts'
import { isAtLeast } from './version.ts'

/** What a rule may look at beside its own setting. */
export interface RuleContext {
  readonly spec: ReplicaSpec
  readonly settings: EngineSettings
  readonly version: string
}

/** What comes of a setting in the engine's own language. */
export interface Written {
  readonly argv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** For engines that read a configuration: dotted key → value. */
  readonly config?: Readonly<Record<string, unknown>>
  /** It was written, and yet there is something to say. */
  readonly note?: string
}

/** Why this value can't be said, with what to do instead. */
export interface Cant {
  readonly cant: string
}
export const cant = (reason: string): Cant => ({ cant: reason })

type Spelled = string | number | boolean | readonly string[] | object

/** One line of an engine's table: a setting, the versions that have it, how it is written. */
export interface Rule {
  readonly setting: SettingName
  /** First version that has it, and first that has it no more. */
  readonly since?: string
  readonly until?: string
  /** Long flags it writes: where the engine's help is known, they have to be in it. */
  readonly flags: readonly string[]
  write(value: never, context: RuleContext): Written | Cant
}

type Spell<Name extends SettingName> = (value: Said<Name>, context: RuleContext) => Spelled | Cant

const asIs = (value: unknown): Spelled => value as Spelled

/** `--flag VALUE`; `true` writes the flag alone, `false` nothing, a list each word. */
export const flag = <Name extends SettingName>(
  setting: Name,
  name: string,
  spell: Spell<Name> = asIs,
): Rule => ({
  setting,
  flags: [name],
  write(value: Said<Name>, context) {
    const spelled = spell(value, context)
    if (isCant(spelled)) return spelled
    if (spelled === false) return {}
    if (spelled === true) return { argv: [name] }
    if (Array.isArray(spelled)) return { argv: [name, ...(spelled as string[])] }
    return { argv: [name, wordOf(spelled)] }
  },
})

/** A flag for `on`, one for `off`; null where that is what the engine does anyway, a text where it can't. */
export const toggle = (
  setting: SettingName,
  on: string | Cant | null,
  off: string | Cant | null,
): Rule => ({
  setting,
  flags: [on, off].filter((name) => typeof name === 'string'),
  write(value: unknown) {
    const chosen = value === 'on' ? on : off
    return chosen === null ? {} : typeof chosen === 'string' ? { argv: [chosen] } : chosen
  },
})

export const variable = <Name extends SettingName>(
  setting: Name,
  name: string,
  spell: Spell<Name> = asIs,
): Rule => ({
  setting,
  flags: [],
  write(value: Said<Name>, context) {
    const spelled = spell(value, context)
    return isCant(spelled) ? spelled : { env: { [name]: wordOf(spelled) } }
  },
})

/** A value in the configuration that the engine reads. */
export const key = <Name extends SettingName>(
  setting: Name,
  path: string,
  spell: Spell<Name> = asIs,
): Rule => ({
  setting,
  flags: [],
  write(value: Said<Name>, context) {
    const spelled = spell(value, context)
    return isCant(spelled) ? spelled : { config: { [path]: spelled } }
  },
})

/** Where a setting takes more than one word. `flags`: the long ones among them. */
export const custom = <Name extends SettingName>(
  setting: Name,
  flags: readonly string[],
  write: (value: Said<Name>, context: RuleContext) => Written | Cant,
): Rule => ({ setting, flags, write })

export const since = (version: string, rule: Rule): Rule => ({ ...rule, since: version })
export const until = (version: string, rule: Rule): Rule => ({ ...rule, until: version })

const wordOf = (value: Spelled): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value)

export const isCant = (value: unknown): value is Cant =>
  typeof value === 'object' && value !== null && 'cant' in value

/** Looks a value up; what is not listed can't be said. */
export const spelling =
  <Value extends string>(words: Partial<Record<Value, string>>, otherwise: string) =>
  (value: Value): string | Cant =>
    words[value] ?? cant(`${otherwise} (asked for: ${value})`)

/** Whether the engine has what a rule writes: its help says so, else its version. */
export function applies({ since: from, until: end, flags }: Rule, context: RuleContext): boolean {
  const helped = context.spec.installed?.flags
  if (helped && flags.length > 0) return flags.some((name) => helped.has(name))
  return (
    (from === undefined || isAtLeast(context.version, from)) &&
    (end === undefined || !isAtLeast(context.version, end))
  )
}
