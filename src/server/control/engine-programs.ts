import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import type { EngineView } from '../../contract/api.ts'
import type { EngineConfig } from '../../contract/config.ts'
import { deploymentSpec } from '../../contract/deployment.ts'
import type { Engine } from '../../engines/engine.ts'
import { isScript } from './installed-engines.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Finding a package takes a Python a moment; loading it may take a minute. */
const askTimeoutMs = 10_000

/** Which engines this machine could start, by looking for the program that each would run. */
export async function findEnginePrograms(
  engines: readonly Engine[],
  config: Readonly<Record<string, EngineConfig>>,
  environment: Environment,
): Promise<readonly EngineView[]> {
  const find = async (engine: Engine): Promise<EngineView> => {
    const { name, tasks } = engine
    const [wanted, flag, module] = argvOf(engine)
    const named = config[name]?.program ?? wanted
    const program = named === undefined ? null : locate(named, environment['PATH'])
    const isPackage = flag === '-m' && module !== undefined
    const isThere =
      program !== null && (!isPackage || (await hasPackage(program, module, environment)))
    return { name, tasks: [...tasks], program: isThere ? program : null }
  }
  return Promise.all(engines.map(find))
}

/** What it would start for some model. Empty: nothing, or it has to be told more. */
function argvOf(engine: Engine): readonly string[] {
  try {
    const some = { name: 'a', model: 'm', engine: engine.name, hardware: 'h100' }
    const deployment = deploymentSpec.parse(some)
    const at = { host: '127.0.0.1', port: 0 }
    const { argv } = engine.launch({ id: 'a', deployment, modelPath: '/m', ...at })
    // What a script runs is what it calls itself.
    return isScript(argv) ? argv.slice(3) : argv
  } catch {
    return []
  }
}

function locate(program: string, path = ''): string | null {
  if (program === 'node') return process.execPath
  const places = isAbsolute(program)
    ? [program]
    : path.split(delimiter).map((directory) => join(directory, program))
  return places.find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const findPackage =
  'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)'

function hasPackage(python: string, module: string, env: Environment): Promise<boolean> {
  const [root = ''] = module.split('.')
  const options = { env: env as NodeJS.ProcessEnv, timeout: askTimeoutMs }
  return new Promise((resolve) => {
    execFile(python, ['-c', findPackage, root], options, (error) => resolve(error === null))
  })
}
