import { join } from 'node:path'
import { bootVariable, dataVariable, roleVariable, type Boot } from '../contract/boot.ts'
import { compileCacheDirectory, compileCacheVariable } from './compile-cache.ts'

/** Everything Baleen reads from the environment. Only this file touches `process.env`. */
export interface Environment {
  readonly home: string
  /** `BALEEN_DATA`: the data directory. */
  readonly data: string | undefined
  /** `BALEEN_CONFIG`: the config file. */
  readonly config: string | undefined
  /** `BALEEN_URL`, `BALEEN_TOKEN`: a control elsewhere and its admin token. */
  readonly url: string | undefined
  readonly token: string | undefined
  /** `BALEEN_API_KEY`: the key of a client of the gateway. */
  readonly apiKey: string | undefined
  /** `BALEEN_AGENT_TOKEN`: what injection agents and their coordinator share. */
  readonly agentToken: string | undefined
  /** `BALEEN_GPU`: the kind of GPU package the embedded engine shall load, such as `cuda`. */
  readonly gpu: string | undefined
  /** `DATABASE_URL`: a PostgreSQL server instead of SQLite. */
  readonly databaseUrl: string | undefined
  /** `HF_ENDPOINT`, `HF_TOKEN`: the model hub. */
  readonly hubEndpoint: string | undefined
  readonly hubToken: string | undefined
  /** `HF_TOKEN_PATH`, else `token` in `HF_HOME`: where `hf auth login` keeps one. */
  readonly hubTokenPath: string
  /** `AWS_…`: an S3 store, by the names that AWS's own tools read. */
  readonly aws: Variables
  /** `DOCKER_CONFIG`: where logins of registries are kept. */
  readonly dockerConfig: string | undefined
  readonly xdgDataHome: string | undefined
  readonly xdgConfigHome: string | undefined
  /** Null: decide by the terminal. */
  readonly color: boolean | null
}

type Variables = Readonly<Record<string, string | undefined>>

const awsSecrets = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
const awsVariables = [
  ...awsSecrets,
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
]

/** An empty variable counts as unset. */
export function readEnvironment(variables: Variables = process.env): Environment {
  const read = (name: string): string | undefined => variables[name] || undefined
  const home = read('HOME') ?? read('USERPROFILE') ?? '.'
  const hubHome = read('HF_HOME') ?? join(home, '.cache', 'huggingface')
  return {
    home,
    data: read(dataVariable),
    config: read('BALEEN_CONFIG'),
    url: read('BALEEN_URL'),
    token: read('BALEEN_TOKEN'),
    apiKey: read('BALEEN_API_KEY'),
    agentToken: read('BALEEN_AGENT_TOKEN'),
    gpu: read('BALEEN_GPU'),
    databaseUrl: read('DATABASE_URL'),
    hubEndpoint: read('HF_ENDPOINT'),
    hubToken: read('HF_TOKEN'),
    hubTokenPath: read('HF_TOKEN_PATH') ?? join(hubHome, 'token'),
    aws: Object.fromEntries(awsVariables.map((name) => [name, read(name)])),
    dockerConfig: read('DOCKER_CONFIG'),
    xdgDataHome: read('XDG_DATA_HOME'),
    xdgConfigHome: read('XDG_CONFIG_HOME'),
    color: readColor(read),
  }
}

/** Whole environment for a child process: this one's, with `added` on top. */
export const childEnvironment = (added: Variables): Variables => ({
  [compileCacheVariable]: compileCacheDirectory,
  ...process.env,
  ...added,
})

/** What engines inherit: everything but the secrets, which are none of their business. */
export const engineEnvironment = (): Variables =>
  childEnvironment(Object.fromEntries(secrets.map((name) => [name, undefined])))

const secrets = [
  'DATABASE_URL',
  'BALEEN_TOKEN',
  'BALEEN_API_KEY',
  'BALEEN_AGENT_TOKEN',
  'HF_TOKEN',
  ...awsSecrets,
]

/** What the supervisor told this process. Throws where somebody started it by hand. */
export function readBoot(): Boot {
  const text = process.env[bootVariable]
  if (!text) throw new Error(`${bootVariable} is not set: \`baleen serve\` starts this process`)
  return JSON.parse(text) as Boot
}

/** The variables that make a process a child of a data directory's supervisor. */
export const bootEnvironment = (boot: Boot): Record<string, string> => ({
  [bootVariable]: JSON.stringify(boot),
  [dataVariable]: boot.dataDirectory,
  [roleVariable]: boot.role,
  ...(boot.role === 'gateway' ? frugalAllocation : {}),
})

/**
 * For glibc; elsewhere they mean nothing. Left alone it keeps most of what large request bodies took: with an arena a
 * thread and a threshold that grows with each of them, a gateway stays at twice its size after one busy minute.
 */
const frugalAllocation = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072' }

function readColor(read: (name: string) => string | undefined): boolean | null {
  if (read('NO_COLOR') !== undefined) return false
  if (read('FORCE_COLOR') !== undefined) return read('FORCE_COLOR') !== '0'
  return read('TERM') === 'dumb' ? false : null
}
