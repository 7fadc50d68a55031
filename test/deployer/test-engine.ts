import type { Engine } from '../../src/engines/engine.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'

/** Takes a model by its name and is ready when asked. */
export const testEngine: Engine = {
  name: 'test',
  about: 'simulated',
  metricsAt: 'api',
  honours: [],
  explainFailure: () => null,
  takes: 'file',
  spansNodes: true,
  inspection: null,
  tasks: ['generate'],
  metricsPath: null,
  launch: ({ modelPath }) =>
    launchPlan({
      argv: [modelPath],
      drain: { preStopMs: 0, signal: 'SIGTERM', graceMs: 2000 },
    }),
  readHealth: () => ({ state: 'ready', reason: 'ready' }),
  parseMetrics: () => {
    throw new Error('not needed')
  },
}
