import type { Config } from '../../contract/config.ts'
import { runtimesOf, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { Engine } from '../../engines/engine.ts'
import { planOf } from '../../deployer/plan-of.ts'

/**
 * Says at once what would keep the first replica from starting. Errors: request/unsupported, runtime/unknown, and what
 * the engine itself refuses.
 */
export function checkSpec(
  engine: Engine,
  deployment: DeploymentSpec,
  runtimes: Config['runtimes'],
): void {
  const { task, placement } = deployment
  if (!engine.tasks.includes(task))
    throw new AppError('request/unsupported', {
      message: `the engine "${engine.name}" does not do the task "${task}"`,
      param: 'engine',
    })
  for (const name of runtimesOf(deployment)) {
    const kind = name === 'process' ? name : runtimes[name]?.kind
    const param = placement.clusters.length > 0 ? 'placement.clusters' : 'runtime'
    if (kind === undefined)
      throw new AppError('runtime/unknown', {
        message: `there is no runtime "${name}"; there is: ${['process', ...Object.keys(runtimes)].join(', ')}`,
        param,
      })
    if (placement.nodes > 1 && kind !== 'kubernetes')
      throw new AppError('request/unsupported', {
        message: `"${name}" (${kind}) can't run one replica on ${placement.nodes} nodes`,
        param: 'placement.nodes',
        hint: 'Name a runtime of the kind kubernetes, which has LeaderWorkerSets for it.',
      })
  }
  planOf(engine, {
    id: deployment.name,
    deployment,
    modelPath: '/model',
    host: '127.0.0.1',
    port: 0,
  })
}
