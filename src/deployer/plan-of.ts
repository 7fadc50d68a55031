import { parseHardware } from '../contract/placement.ts'
import { AppError } from '../core/errors.ts'
import type { Engine, LaunchPlan, ReplicaSpec } from '../engines/engine.ts'

/**
 * The plan of a replica, with that of its other nodes where it spans several. Throws `request/unsupported` where its
 * engine does not, or where its devices can't be shared out.
 */
export function planOf(engine: Engine, spec: ReplicaSpec): LaunchPlan {
  const { placement, hardware } = spec.deployment
  const { nodes } = placement
  if (nodes === 1) return engine.launch(spec)
  if (engine.spansNodes !== true)
    throw new AppError('request/unsupported', {
      message: `a replica of the engine "${engine.name}" runs on one node`,
      param: 'placement.nodes',
      hint: 'Leave placement.nodes out, or use an engine that spans nodes: vllm or sglang.',
    })
  const count = hardware === undefined ? 0 : parseHardware(hardware).count
  if (count === 0 || count % nodes !== 0)
    throw new AppError('request/unsupported', {
      message: `${hardware ?? 'no hardware'} can't be shared out evenly over ${nodes} nodes`,
      param: 'hardware',
      hint: 'Name the devices of all nodes together: hardware: h100:16 with placement.nodes: 2.',
    })
  return {
    ...engine.launch({ ...spec, group: { nodes, isLeader: true } }),
    worker: engine.launch({ ...spec, group: { nodes, isLeader: false } }),
  }
}
