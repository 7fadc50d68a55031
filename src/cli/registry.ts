import type { Command } from './command.ts'

export interface Entry {
  /** As typed: `deploy`, `model pull`. */
  readonly name: string
  readonly group: string
  /** The file of a command is read only when it is needed: starting up is most of what a short command costs. */
  load(): Promise<Command>
}

const entry = (group: string, name: string, load: () => Promise<Command>): Entry => ({
  group,
  name,
  load,
})

/** In the order of help. */
export const registry: readonly Entry[] = [
  entry('Serve', 'serve', async () => (await import('./commands/serve.ts')).serve),
  entry('Serve', 'deploy', async () => (await import('./commands/deploy.ts')).deploy),
  entry('Serve', 'diff', async () => (await import('./commands/diff.ts')).diff),
  entry('Serve', 'ci', async () => (await import('./commands/ci.ts')).ci),
  entry('Serve', 'rollback', async () => (await import('./commands/rollback.ts')).rollback),
  entry('Serve', 'rollout', async () => (await import('./commands/rollout.ts')).rollout),
  entry('Serve', 'history', async () => (await import('./commands/history.ts')).history),
  entry('Serve', 'ps', async () => (await import('./commands/ps.ts')).ps),
  entry('Serve', 'logs', async () => (await import('./commands/logs.ts')).logs),
  entry('Serve', 'scale', async () => (await import('./commands/scale.ts')).scale),
  entry('Serve', 'drain', async () => (await import('./commands/node.ts')).drain),
  entry('Serve', 'stop', async () => (await import('./commands/stop.ts')).stop),
  entry('Serve', 'manifests', async () => (await import('./commands/manifests.ts')).manifests),
  entry('Serve', 'chat', async () => (await import('./commands/chat.ts')).chat),
  entry('Measure', 'inject', async () => (await import('./commands/inject.ts')).inject),
  entry(
    'Measure',
    'injection list',
    async () => (await import('./commands/injection.ts')).injectionList,
  ),
  entry(
    'Measure',
    'injection show',
    async () => (await import('./commands/injection.ts')).injectionShow,
  ),
  entry(
    'Measure',
    'injection compare',
    async () => (await import('./commands/injection.ts')).injectionCompare,
  ),
  entry(
    'Measure',
    'injection again',
    async () => (await import('./commands/injection.ts')).injectionAgain,
  ),
  entry(
    'Measure',
    'injection agent',
    async () => (await import('./commands/injection.ts')).injectionAgent,
  ),
  entry(
    'Measure',
    'injection rm',
    async () => (await import('./commands/injection.ts')).injectionRemove,
  ),
  entry('Plan', 'plan', async () => (await import('./commands/plan.ts')).plan),
  entry('Plan', 'predict', async () => (await import('./commands/predict.ts')).predict),
  entry('Plan', 'simulate', async () => (await import('./commands/simulate.ts')).simulate),
  entry('Plan', 'choose', async () => (await import('./commands/choose.ts')).choose),
  entry('Plan', 'calibrate', async () => (await import('./commands/calibrate.ts')).calibrate),
  entry(
    'Plan',
    'calibration list',
    async () => (await import('./commands/calibration.ts')).calibrationList,
  ),
  entry(
    'Plan',
    'calibration show',
    async () => (await import('./commands/calibration.ts')).calibrationShow,
  ),
  entry(
    'Plan',
    'calibration import',
    async () => (await import('./commands/calibration.ts')).calibrationImport,
  ),
  entry(
    'Plan',
    'calibration rm',
    async () => (await import('./commands/calibration.ts')).calibrationRemove,
  ),
  entry('Models', 'model pull', async () => (await import('./commands/model.ts')).modelPull),
  entry('Models', 'model list', async () => (await import('./commands/model.ts')).modelList),
  entry('Models', 'model show', async () => (await import('./commands/model.ts')).modelShow),
  entry('Models', 'model rm', async () => (await import('./commands/model.ts')).modelRemove),
  entry(
    'Models',
    'model prune',
    async () => (await import('./commands/model-prune.ts')).modelPrune,
  ),
  entry('Models', 'engine list', async () => (await import('./commands/engine.ts')).engineList),
  entry('Keys', 'key create', async () => (await import('./commands/key.ts')).keyCreate),
  entry('Keys', 'key list', async () => (await import('./commands/key.ts')).keyList),
  entry('Keys', 'key edit', async () => (await import('./commands/key.ts')).keyEdit),
  entry('Keys', 'key rm', async () => (await import('./commands/key.ts')).keyRemove),
  entry('Look', 'status', async () => (await import('./commands/status.ts')).status),
  entry('Look', 'node list', async () => (await import('./commands/node.ts')).nodeList),
  entry('Look', 'usage', async () => (await import('./commands/usage.ts')).usage),
  entry('Look', 'doctor', async () => (await import('./commands/doctor.ts')).doctor),
  entry('Config', 'config check', async () => (await import('./commands/config.ts')).configCheck),
  entry('Config', 'config print', async () => (await import('./commands/config.ts')).configPrint),
  entry('Config', 'config schema', async () => (await import('./commands/config.ts')).configSchema),
  entry('More', 'completion', async () => (await import('./commands/completion.ts')).completion),
  entry('More', 'help', async () => (await import('./commands/help.ts')).help),
  entry('More', 'version', async () => (await import('./commands/version.ts')).version),
]
