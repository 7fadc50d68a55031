import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines, findEngine } from '../engines/index.ts'
import { simulationOf } from '../engines/simulated/simulated.ts'
import { checkModel, createModelSource } from './control/model-source.ts'
import { simulatedScenario } from './simulated/step-model.ts'
import { runControl } from './control/run-control.ts'
import { engineEnvironment, readBoot, readEnvironment } from './environment.ts'

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
  modelSource: createModelSource(models),
  checkModel: async (spec) => {
    if (spec.engine === 'simulated')
      simulatedScenario(simulationOf({ deployment: spec, host: '', port: 0 }))
    else if (findEngine(spec.engine).takes === 'file') await checkModel(spec, models)
  },
}))
