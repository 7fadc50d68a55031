import type { EngineSettings } from '../../contract/engine-settings.ts'
import { parseHardware } from '../../contract/placement.ts'
import type { ReplicaSpec } from '../engine.ts'
import { orElse } from '../settings-said.ts'

export interface Layout {
  readonly settings: EngineSettings
  readonly warnings: readonly string[]
}

/**
 * What `hardware: h100:2` means where nobody says how the model is cut: over nodes in stages, since each stage talks
 * little, and on a node all devices share each layer. What is said of ranks stands, and the rest is divided by it.
 */
export function layOut({ deployment, group }: ReplicaSpec): Layout {
  const { settings, hardware } = deployment
  const count = hardware === undefined ? 1 : parseHardware(hardware).count
  if (count === 1 || settings.gpu === 'off') return { settings, warnings: [] }
  const { tensorParallel, pipelineParallel, dataParallel } = settings
  const stages = orElse(pipelineParallel, tensorParallel === 'auto' ? (group?.nodes ?? 1) : 1)
  const copies = orElse(dataParallel, 1)
  const ranks = orElse(tensorParallel, count / stages / copies)
  const cut = `tensorParallel ${tensorParallel} × pipelineParallel ${stages} × dataParallel ${copies}`
  if (!Number.isInteger(ranks) || ranks * stages * copies !== count)
    return { settings, warnings: [`devices: ${hardware} is not ${cut}`] }
  return {
    settings: {
      ...settings,
      // One rank is what there is anyway.
      ...(ranks > 1 ? { tensorParallel: ranks } : {}),
      ...(stages > 1 ? { pipelineParallel: stages } : {}),
    },
    warnings: [],
  }
}
