import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import { config as configSchema, type Config } from '../contract/config.ts'
import { AppError } from '../core/errors.ts'
import { expandHome } from './data-directory.ts'
import type { Environment } from './environment.ts'

export interface LoadedConfig {
  readonly config: Config
  /** Null: no file, all defaults. */
  readonly path: string | null
}

/** Settings that a flag or the environment gave: they win over the file. */
export interface ConfigOverrides {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly controlPort?: number | undefined
  readonly gateways?: number | undefined
  readonly logLevel?: Config['log']['level'] | undefined
}

/**
 * The config in force: flag over file over default, deep-frozen. Without `flag` and `BALEEN_CONFIG` the user's own
 * `~/.config/baleen/config.yaml` counts where it exists. Errors: `config/unreadable`, `config/invalid`.
 */
export function loadConfig(
  environment: Environment,
  flag: string | undefined,
  overrides: ConfigOverrides = {},
): LoadedConfig {
  const path = configPathOf(environment, flag)
  const config = path === null ? configSchema.parse({}) : readConfigFile(path, environment)
  return { config: deepFreeze(withOverrides(config, overrides)), path }
}

/** Null: there is no file to read. */
export function configPathOf(environment: Environment, flag: string | undefined): string | null {
  const named = flag ?? environment.config
  if (named !== undefined) return resolve(named)
  const base = environment.xdgConfigHome ?? ''
  const own = join(
    isAbsolute(base) ? base : join(environment.home, '.config'),
    'baleen',
    'config.yaml',
  )
  return existsSync(own) ? own : null
}

/** Paths in the file count from the file, and `~` is the home directory. */
export function readConfigFile(path: string, environment: Environment): Config {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new AppError('config/unreadable', {
      message: `can't read ${path}: ${(thrown as Error).message}`,
      cause: thrown,
    })
  }
  return withAbsolutePaths(parseYaml(text, path, configSchema), dirname(path), environment.home)
}

/**
 * Checks one YAML document against a schema. Each fault becomes `FILE:LINE: PATH: what to write instead`; all of them are
 * told at once. Error: `config/invalid`.
 */
export function parseYaml<T extends z.ZodType>(text: string, file: string, schema: T): z.output<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const broken = document.errors[0]
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0])
    const reason = broken.message.split(' at line ')[0]
    throw invalid(`${file}:${line}:${col}: not YAML: ${reason}`, '')
  }
  // An anchor that unfolds into millions of nodes is refused by the library.
  const parsed = schema.safeParse(toValue(document, file) ?? {})
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.flatMap(faultsOf)
  const told = faults.map(({ path, text: what }) => {
    const place = `${file}:${lineOf(document, lines, path)}`
    return `${place}: ${path.length === 0 ? '' : `${dotted(path)}: `}${what}`
  })
  throw invalid(told.join('\n'), dotted(faults[0]?.path ?? []))
}

/** The schema itself, for editors: input side, with defaults and descriptions. */
export const configJsonSchema = (): object =>
  z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })

interface Fault {
  readonly path: readonly PropertyKey[]
  readonly text: string
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      text: 'there is no such setting: remove it, or see config.example.yaml',
    }))
  if (issue.code === 'invalid_union') {
    const expected = issue.errors.map((branch) => wish(branch[0]?.message ?? ''))
    return [{ path: issue.path, text: expected.join(', or ') }]
  }
  return [{ path: issue.path, text: wish(issue.message) }]
}

const wish = (message: string): string => message.replace(/^(Invalid (input|option)|Too \w+): /, '')

function toValue(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (thrown) {
    throw invalid(`${file}: ${(thrown as Error).message}`, '')
  }
}

/** The line of the setting, or of the nearest one above it that stands in the file. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true) ?? document.contents
    const key = path[length - 1]
    const items = (parent as { items?: unknown[] } | null)?.items ?? []
    const found = items.find(
      (item, index) => (item as { key?: { value?: unknown } }).key?.value === key || index === key,
    ) as { key?: { range?: number[] }; range?: number[] } | undefined
    const start = (found?.key?.range ?? found?.range)?.[0]
    if (start !== undefined) return lines.linePos(start).line
  }
  return 1
}

function withAbsolutePaths(config: Config, directory: string, home: string): Config {
  const { data, models, deployments } = config
  const absolute = (written: string) => resolve(directory, expandHome(written, home))
  const isPath = (model: string) => /^(~|\.{1,2})\//.test(model)
  return {
    ...config,
    ...(data === undefined ? {} : { data: absolute(data) }),
    models:
      models.directory === undefined
        ? models
        : { ...models, directory: absolute(models.directory) },
    ...(deployments && {
      deployments: deployments.map((deployment) => ({
        ...deployment,
        model: isPath(deployment.model) ? absolute(deployment.model) : deployment.model,
      })),
    }),
  }
}

function withOverrides(config: Config, overrides: ConfigOverrides): Config {
  const { gateway, control, log } = config
  return {
    ...config,
    gateway: {
      ...gateway,
      host: overrides.host ?? gateway.host,
      port: overrides.port ?? gateway.port,
      processes: overrides.gateways ?? gateway.processes,
    },
    control: { ...control, port: overrides.controlPort ?? control.port },
    log: { ...log, level: overrides.logLevel ?? log.level },
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}

const dotted = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, step) =>
      typeof step === 'number'
        ? `${text}[${step}]`
        : text
          ? `${text}.${String(step)}`
          : String(step),
    '',
  )

const invalid = (message: string, param: string): AppError =>
  new AppError('config/invalid', { message, param })
