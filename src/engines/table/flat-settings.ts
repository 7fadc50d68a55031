import type { EngineSettings } from '../../contract/engine-settings.ts'

type Nested<Group extends 'lora' | 'offload'> = {
  [Name in keyof EngineSettings[Group] & string as `${Group}.${Name}`]: EngineSettings[Group][Name]
}

/** Settings by dotted name, as tables of engines name them. */
export type FlatSettings = Omit<EngineSettings, 'lora' | 'offload'> &
  Nested<'lora'> &
  Nested<'offload'>

export type SettingName = keyof FlatSettings

/** A setting's value once somebody has said something. */
export type Said<Name extends SettingName> = Exclude<FlatSettings[Name], 'auto' | undefined>

export function flatten({ lora, offload, ...settings }: EngineSettings): FlatSettings {
  return {
    ...settings,
    ...prefixed('lora', lora),
    ...prefixed('offload', offload),
  } as FlatSettings
}

const prefixed = (group: string, values: object): object =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${group}.${name}`, value]))
