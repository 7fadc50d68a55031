import type { Accelerator } from '../accelerator.ts'
import type { BurdenSetting } from '../burdens/burden.ts'
import { parseKernel } from '../kernel-precision.ts'
import type { ModelFacts } from '../model-facts.ts'
import type { Settings } from '../search/settings.ts'

/** What is written out: a plan's settings with the names that commands need. */
export interface Emission {
  readonly settings: Settings
  readonly model: ModelFacts
  readonly device: Accelerator
  readonly burdens: readonly BurdenSetting[]
  /** Bytes of weights or cache, of one device, that are kept elsewhere. */
  readonly elsewhereBytes: number
  /** What else is on the devices, for whoever starts it. Default: nothing. */
  readonly neighbours?: readonly string[]
  /** Where prompts and decoding are apart: which of them. */
  readonly role?: 'prefill' | 'decode'
  /** What engines are told to load: a hub repository or a path. */
  readonly source: string
}

/** A command line with what has to be known before it is run. */
export interface Command {
  readonly argv: readonly string[]
  readonly image: string
  readonly port: number
  readonly notes: readonly string[]
  /** Files that the command names, by path. */
  readonly files: Readonly<Record<string, string>>
  /** Where the other side asks for caches, as the engine is told by its environment. */
  readonly channel?: {
    readonly hostVariable: string
    readonly portVariable: string
    readonly port: number
  }
}

/** In a container of its own an engine listens to all; a script asks. */
export const anyHost = '0.0.0.0'

/** What a checkpoint has to be where the published one is not it. */
export function checkpointNote({ settings, model, source }: Emission): string[] {
  if (settings.weights === model.nativePrecision || settings.weights === 'bf16') return []
  if (source !== model.repo && parseKernel(source) === settings.weights) return []
  return [
    `${source} is published in ${model.nativePrecision}: name a checkpoint in ${settings.weights} in its place`,
  ]
}

/** Drafts that need weights of their own and were named none. */
export function draftNote({ settings: { speculative } }: Emission): string[] {
  if (speculative === 'off' || speculative.model !== null) return []
  if (!['draft', 'eagle', 'medusa'].includes(speculative.method)) return []
  return [
    `${speculative.method} drafts need weights of their own: name them with --speculative ${speculative.method}:model=REPOSITORY,…`,
  ]
}

/** Both sides of a plan that keeps prompts and decoding apart may stand on one machine. */
export const portOf = ({ role }: Emission, port: number): number =>
  role === 'decode' ? port + 1 : port

/** A file or folder of this machine, not a repository of a hub. */
export const isPath = (source: string): boolean => /^[./~]/.test(source)

/** One word for a shell. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** A name that Kubernetes and Baleen take: lower case, digits and dashes. */
export function plainName({ model, role }: Emission): string {
  const name =
    model.name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 50)
      .replace(/^-+|-+$/g, '') || 'model'
  return role === undefined ? name : `${name}-${role}`
}
