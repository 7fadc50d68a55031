import { runEngine, variables } from '../run-engine.ts'
import { startEngine } from './engine-process.ts'
import { embeddedFlags, serialVariable } from './flags.ts'

/** The program of one embedded engine. */
await runEngine(async (deps) => {
  const flags = embeddedFlags.read(process.argv.slice(2))
  const isSerial = variables[serialVariable] === '1'
  const engine = await startEngine(flags, { ...deps, isSerial })
  return { engine, model: flags.model, drainMs: flags.drainMs }
})
