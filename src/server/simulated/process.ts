import { startSimulatedEngine } from '../../engines/simulated/simulated-process.ts'
import { simulatedFlags } from '../../engines/simulated/flags.ts'
import { addressVariable } from '../../engines/simulated/simulated.ts'
import { runEngine, variables } from '../../engines/run-engine.ts'
import { createStepModel } from './step-model.ts'

/** The program of one simulated engine: planner and simulator behind the HTTP face of the embedded one. */
await runEngine(async ({ onBroken }) => {
  const flags = simulatedFlags.read(process.argv.slice(2))
  const address = variables[addressVariable]
  const engine = await startSimulatedEngine(flags, createStepModel(flags), onBroken, address)
  return { engine, model: flags.model, drainMs: flags.drainMs }
})
