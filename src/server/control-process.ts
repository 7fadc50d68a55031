import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines, findEngine } from '../engines/index.ts'
import { simulationOf } from '../engines/simulated/simulated.ts'
import { checkModel, checkModelElsewhere, createModelSource } from './control/model-source.ts'
import { runsHere } from './control/runs-here.ts'
import { simulatedScenario } from './simulated/step-model.ts'
import { runControl } from './control/run-control.ts'
import { engineEnvironment, readBoot, readEnvironment } from './environment.ts'
import { pullSettings } from './pull-settings.ts'

/** Entry of the control process: the supervisor starts it, talks to it over IPC and ends it. */

const boot = readBoot()
const models = boot.config.models.directory ?? join(boot.dataDirectory, 'models')
const manifest = join(import.meta.dirname, '..', '..', 'package.json')
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }

await runControl(boot, () => ({
  version,
  databaseUrl: readEnvironment().databaseUrl,
  environment: engineEnvironment(),
  engines,
  findEngine,
  createModelSource: (log) =>
    createModelSource({
      directory: models,
      bytesMax: boot.config.models.maxSize,
      settings: () => pullSettings(readEnvironment(), boot.dataDirectory),
      log,
    }),
  checkModel: async (spec) => {
    if (spec.engine === 'simulated')
      simulatedScenario(simulationOf({ deployment: spec, host: '', port: 0 }))
    else if (findEngine(spec.engine).takes === 'reference') return
    else if (runsHere(spec, boot.config.runtimes)) await checkModel(spec, models)
    else checkModelElsewhere(spec)
  },
}))
