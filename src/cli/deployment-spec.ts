import { basename } from 'node:path'
import { z } from 'zod'
import { deploymentSpec, type DeploymentSpec } from '../contract/deployment.ts'
import { engineSettings } from '../contract/engine-settings.ts'
import { explainIssue } from '../contract/explain-issue.ts'
import { nearest } from '../core/nearest.ts'
import { parseYaml } from '../server/config-file.ts'
import { usageError } from './command.ts'

export interface SpecFlags {
  readonly name: string | undefined
  readonly replicas: number | undefined
  readonly route: string | undefined
  readonly task: DeploymentSpec['task'] | undefined
  readonly engine: string | undefined
  readonly hardware: string | undefined
  readonly runtime: string | undefined
  /** `contextTokens=4096`: one engine setting each. */
  readonly set: readonly string[]
}

/** The spec that a command line asks for. Error: `cli/usage`. */
export function specFromFlags(model: string, flags: SpecFlags): DeploymentSpec {
  const { set, name = nameFrom(model), replicas, route, task, engine, hardware, runtime } = flags
  const given = Object.fromEntries(
    Object.entries({ replicas, route, task, engine, hardware, runtime }).filter(
      ([, value]) => value !== undefined,
    ),
  )
  const parsed = deploymentSpec.safeParse({ name, model, settings: settingsFrom(set), ...given })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const { param, text } = explainIssue(issue!)
  throw usageError(`${param}: ${text}`, 'See `baleen deploy --help`.')
}

/**
 * One spec, a list of them, a config's `deployments`, or several documents of such. Error: `config/invalid` with file
 * and line.
 */
export function specsFromYaml(text: string, file: string): readonly DeploymentSpec[] {
  // Lines before a document are kept as blanks, so that an error names the line of the file.
  const starts = [0, ...[...text.matchAll(/^---.*$/gm)].map(({ index }) => index)]
  const documents = starts.map((from, at) => {
    const before = text.slice(0, from).replace(/[^\n]+/g, '')
    return before + text.slice(from, starts[at + 1]).replace(/^---/, '   ')
  })
  const said = documents.filter((document) => /^\s*[^#\s]/m.test(document))
  return said.length <= 1
    ? specsOfDocument(said[0] ?? text, file)
    : said.flatMap((document) => specsOfDocument(document, file))
}

function specsOfDocument(text: string, file: string): readonly DeploymentSpec[] {
  const shape = parseYaml(text, file, z.unknown())
  if (Array.isArray(shape)) return parseYaml(text, file, z.array(deploymentSpec).min(1))
  if (typeof shape === 'object' && shape !== null && 'deployments' in shape)
    return parseYaml(text, file, z.object({ deployments: z.array(deploymentSpec) })).deployments
  return [parseYaml(text, file, deploymentSpec)]
}

/** `hf:Org/Repo/TinyLlama.Q4_K_M.gguf` → `tinyllama-q4-k-m`. */
export function nameFrom(model: string): string {
  const last = basename(model.replace(/^[a-z]+:(?!\/)/, '').replace(/[?#].*$/, ''))
  return last
    .replace(/\.gguf$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
}

/** `speculation.tokens=3`: a dot leads into what a setting consists of. The contract checks the rest. */
export function settingsFrom(assignments: readonly string[]): Record<string, unknown> {
  const known = Object.keys(engineSettings.shape)
  const settings: Record<string, unknown> = {}
  for (const assignment of assignments) {
    const [key = '', ...value] = assignment.split('=')
    if (value.length === 0) throw usageError(`write --set ${key}=VALUE`)
    const [name = '', ...inner] = key.split('.')
    if (!known.includes(name)) {
      const meant = nearest(name, known)
      throw usageError(
        `there is no setting "${key}"`,
        meant === null ? `There are ${known.join(', ')}.` : `Did you mean ${meant}?`,
      )
    }
    const text = value.join('=')
    // The value of a variable is a text, whatever it looks like.
    assign(settings, [name, ...inner], name === 'environment' ? text : valueOf(key, text))
  }
  return settings
}

function assign(
  into: Record<string, unknown>,
  [name = '', ...inner]: readonly string[],
  value: unknown,
): object {
  into[name] = inner.length === 0 ? value : assign({ ...(into[name] as object) }, inner, value)
  return into
}

/** A number, a list or an object as JSON, else a word. */
function valueOf(key: string, text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (!/^[[{]/.test(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    throw usageError(`--set ${key}: ${text} is no JSON`, `Write it like '["--flag"]'.`)
  }
}
