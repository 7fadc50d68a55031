import type { Accelerator } from '../accelerator.ts'
import type { ModelFacts } from '../model-facts.ts'
import type { RowInput } from './row.ts'

export interface Ranks {
  readonly tp: number
  readonly pp: number
  readonly dp: number
  readonly ep: number
  readonly replicas: number
}

/** Devices that one switch joins. */
const domain = (device: Accelerator): number => (/^GB\d00/.test(device.name) ? 72 : 8)

/**
 * How a table's numbers of devices lie over the model. Where a model does not fit on the ranks that are named, but
 * there are more devices, mixture models spread their experts and others take more tensor ranks.
 */
export function readRanks(
  row: RowInput,
  model: ModelFacts,
  device: Accelerator,
  fits: (ranks: Ranks) => boolean,
): Ranks {
  const pp = row.pp ?? 1
  const total = row.numGpus ?? (row.tp ?? 1) * pp * (row.dp ?? 1)
  const squared = squareRoot(row, total, device)
  if (squared) return { ...squared, pp, replicas: 1 }
  if (row.tp === null) return smallest(total, pp, model, fits)
  const tp = row.tp
  const isTensorParallel = tp <= 16 && model.heads % tp === 0
  // No one slices attention over more devices than it has heads for, or over several nodes: each rank has its own.
  if (!isTensorParallel) return { tp: 1, pp, dp: tp, ep: tp, replicas: 1 }
  const ep = Math.min(row.ep ?? 1, tp * (row.dp ?? 1))
  const dp = row.dp ?? 1
  const plain: Ranks = {
    tp,
    pp,
    dp: model.moe ? dp : 1,
    ep: model.moe ? ep : 1,
    replicas: Math.max(1, Math.round(total / (tp * pp * (model.moe ? dp : 1)))),
  }
  if (fits(plain) || plain.replicas === 1) return plain
  const spare = plain.replicas
  return model.moe
    ? { tp, pp, dp: spare, ep: tp * spare, replicas: 1 }
    : { ...plain, tp: tp * spare, replicas: 1 }
}

/**
 * A published sample multiplies ranks that lie over each other: eight devices with TP 8 and EP 8 stand there as 64. A
 * square number of devices beyond one node, on a device sold in nodes of eight, is that.
 */
function squareRoot(
  row: RowInput,
  total: number,
  device: Accelerator,
): { tp: number; dp: number; ep: number } | null {
  const root = Math.round(Math.sqrt(total))
  if (root * root !== total || total <= domain(device) || root > domain(device)) return null
  const tp = row.tp ?? 1
  const isSquared = tp === total || tp === root || row.dp === total
  if (!isSquared) return null
  return tp === 1 || (tp === root && row.dp === null)
    ? { tp: 1, dp: root, ep: root }
    : { tp: root, dp: 1, ep: root }
}

/** Nobody said: the fewest tensor ranks that hold the model, and as many replicas as there are devices for. */
function smallest(
  total: number,
  pp: number,
  model: ModelFacts,
  fits: (ranks: Ranks) => boolean,
): Ranks {
  let chosen: Ranks = { tp: 1, pp, dp: 1, ep: 1, replicas: Math.max(1, total) }
  for (let tp = 1; tp <= total; tp *= 2) {
    if (model.heads % tp !== 0) break
    chosen = { tp, pp, dp: 1, ep: 1, replicas: Math.max(1, Math.floor(total / tp)) }
    if (fits(chosen)) return chosen
  }
  return chosen
}
