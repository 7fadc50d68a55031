import { engineSettings, type EngineSettings } from '../contract/engine-settings.ts'

/** What every plan carries, whatever the engine. */
export const everywhere = ['environment', 'loadTimeoutS', 'drainTimeoutS', 'sharedMemoryGiB']

type Value = EngineSettings[keyof EngineSettings]

/** `{ lora: { rankMax: 8 } }` → `lora.rankMax`; a setting with alternatives stays one. */
function flatten(settings: EngineSettings): readonly (readonly [string, Value])[] {
  return Object.entries(settings).flatMap(([name, value]: [string, Value]) =>
    name === 'lora' || name === 'offload'
      ? Object.entries(value).map(([inner, of]) => [`${name}.${inner}`, of as Value] as const)
      : [[name, value] as const],
  )
}

const defaults = new Map(
  flatten(engineSettings.parse({})).map(([name, value]) => [name, JSON.stringify(value)]),
)

/** All settings, by dotted name. */
export const settingNames: readonly string[] = [...defaults.keys()]

/** Names of the settings that differ from what they are when nobody says anything. */
export const saidSettings = (settings: EngineSettings): readonly string[] =>
  flatten(settings)
    .filter(([name, value]) => value !== undefined && JSON.stringify(value) !== defaults.get(name))
    .map(([name]) => name)

/** A sentence for each setting that was said and that the engine does not honour. `why`: what to do instead, by name. */
export function unhonoured(
  engine: string,
  settings: EngineSettings,
  honoured: Iterable<string>,
  why: Readonly<Record<string, string>> = {},
): string[] {
  const known = new Set([...honoured, ...everywhere])
  return saidSettings(settings)
    .filter((name) => !known.has(name))
    .map((name) => `${name}: ${why[name] ?? `the engine ${engine} has no such setting`}`)
}

/** A setting's value, or what to take where it is `auto`. */
export const orElse = <T, Else>(value: T | 'auto', otherwise: Else): Exclude<T, 'auto'> | Else =>
  value === 'auto' ? otherwise : (value as Exclude<T, 'auto'>)

/** What was asked for, or what the engine needs; bytes. */
export function sharedMemoryOf(
  { sharedMemoryGiB }: EngineSettings,
  neededGiB: number | null = null,
): number | null {
  const gibibytes = orElse(sharedMemoryGiB, neededGiB)
  return gibibytes === null ? null : gibibytes * 2 ** 30
}

/** The part of a plan that comes from `settings.environment`. */
export function environmentOf({ environment }: EngineSettings) {
  const env: Record<string, string> = {}
  const secrets: Record<string, { readonly name: string; readonly key: string | null }> = {}
  for (const [variable, value] of Object.entries(environment))
    if (typeof value === 'string') env[variable] = value
    else {
      const [name = '', key = null] = value.secret.split('/')
      secrets[variable] = { name, key }
    }
  return { env, secrets }
}
