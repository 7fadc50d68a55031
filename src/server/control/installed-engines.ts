import { execFile } from 'node:child_process'
import type { EngineConfig } from '../../contract/config.ts'
import { runtimesOf, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { Engine, InstalledEngine } from '../../engines/engine.ts'
import { forgetfulMemory, type EngineMemory } from './engine-memory.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Runs a program for its output; whatever it says and however it ends. */
export type Ask = (program: string, argv: readonly string[], env: Environment) => Promise<string>

/** Python engines load half of themselves before they say their version, and a busy machine takes minutes for that. */
const askTimeoutMs = 300_000
const answerBytesMax = 4 * 2 ** 20

export const askProgram: Ask = (program, argv, env) =>
  new Promise((resolve) => {
    const options = {
      env: env as NodeJS.ProcessEnv,
      timeout: askTimeoutMs,
      maxBuffer: answerBytesMax,
    }
    execFile(program, [...argv], options, (_, stdout, stderr) => resolve(`${stdout}\n${stderr}`))
  })

/** What a deployment says of the engine that it wants, and of where. */
export type EngineWish = Pick<DeploymentSpec, 'engine' | 'runtime' | 'placement'>

/**
 * Engines as the config says that they are installed on this machine: another program, more variables, and the flags
 * that its own help names, so that versions that no table knows are spoken to in their own words. What they told the
 * last time stands until they have told it again. Elsewhere an engine is what its image or its cluster has.
 */
export function createInstalledEngines(
  find: (name: string) => Engine,
  config: Readonly<Record<string, EngineConfig>>,
  environment: Environment,
  memory: EngineMemory = forgetfulMemory,
  ask: Ask = askProgram,
): (wish: EngineWish) => Engine {
  const known = new Map<string, InstalledEngine>()
  const asked = new Set<string>()

  const inspect = async (name: string, engine: Engine, program: string, env: Environment) => {
    const { version, help } = engine.inspection!
    const [versionText, helpText] = await Promise.all(
      [version, help].map((argv) => (argv ? ask(program, argv, env) : Promise.resolve(''))),
    )
    const facts = readInstalled(versionText!, helpText!)
    const isNothing = facts.version === null && facts.flags === null
    // One that was too busy to answer is what it was before.
    if (isNothing && known.has(name)) return
    known.set(name, facts)
    if (!isNothing) memory.note(program, facts)
  }

  return (wish) => {
    const { engine: name } = wish
    const engine = find(name)
    const installed = config[name]
    if (!installed || runtimesOf(wish).some((runtime) => runtime !== 'process')) return engine
    const { program } = installed
    const env = { ...environment, ...installed.environment }
    if (engine.inspection && program !== undefined && !asked.has(name)) {
      asked.add(name)
      const before = memory.recall(program)
      if (before) known.set(name, before)
      void inspect(name, engine, program, env)
    }
    const facts = known.get(name)
    if (engine.inspection && program !== undefined && !facts)
      throw new AppError('engine/loading', { message: `looks at which ${name} is installed` })
    const installedAs = facts ?? (program === undefined ? undefined : unasked)
    return {
      ...engine,
      launch(spec) {
        const plan = engine.launch(installedAs ? { ...spec, installed: installedAs } : spec)
        return {
          ...plan,
          argv: program === undefined || plan.url !== null ? plan.argv : run(program, plan.argv),
          env: { ...installed.environment, ...plan.env },
        }
      },
    }
  }
}

/** The same with another program: in place of the first word, or of what a script calls itself. */
const run = (program: string, argv: readonly string[]): readonly string[] =>
  isScript(argv) ? [...argv.slice(0, 3), program, ...argv.slice(4)] : [program, ...argv.slice(1)]

/** `sh -c SCRIPT PROGRAM …`. */
export const isScript = ([shell = '', flag]: readonly string[]): boolean =>
  flag === '-c' && /^(ba)?sh$/.test(shell)

/** It is there, and can't be asked. */
const unasked: InstalledEngine = { version: null, flags: null }

/** A version is what looks like one; help that names no flags is no help. */
export function readInstalled(versionText: string, helpText: string): InstalledEngine {
  const version = /\b(b?\d+(?:\.\d+)+(?:[.-]?[a-z]+\d*)?|b?\d{4,})\b/.exec(versionText)?.[1] ?? null
  const flags = new Set(helpText.match(/(?<![\w-])--[a-z][\w-]*/g))
  return { version, flags: flags.size > 3 ? flags : null }
}
