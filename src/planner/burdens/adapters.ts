import { cachedLayers, type ModelFacts, moeLayers } from '../model-facts.ts'
import type { Layout } from '../step/step-time.ts'
import type { Burden } from './burden.ts'

/** LoRA adapters that are served beside one another on one copy of the model. */
export interface Adapters {
  readonly count: number
  readonly rank: number
}

/**
 * Kernels for a layer's adapters, ms: Punica (arXiv 2310.18547) adds 2 ms a token to the 32 layers of a 7B model at any
 * mix of adapters.
 */
const layerMs = 2 / 32
/** Small scattered matrices reach little of the bandwidth. */
const bandwidthShare = 0.5

/**
 * Memory: rank · Σ (in + out) numbers of two bytes for each adapted matrix; the half that faces the ranks is cut over
 * them. Time: two thin kernels for each group of matrices, and the adapters that the running sequences use are read.
 */
export function adapterBurden({ count, rank }: Adapters): Burden {
  const bytes = (layout: Layout) =>
    (count * adapterBytes(layout.model, rank, layout.tp)) / layout.pp
  return {
    name: 'adapters',
    bytes,
    stepMs: (layout, { sequences }) => {
      const used = Math.min(1, sequences / count)
      const read = (bytes(layout) * used) / (layout.device.bandwidthGBs * 1e6 * bandwidthShare)
      return layout.model.layers * layerMs + read
    },
    slowdown: () => 1,
    setting: { kind: 'adapters', count, rank },
    note: `${count} adapters of rank ${rank} on every linear layer but the experts, all in memory; kernels as in Punica, arXiv 2310.18547`,
  }
}

/** One adapter on one device. */
export function adapterBytes(model: ModelFacts, rank: number, tp: number): number {
  const { hidden, heads, kvHeads, headDim, intermediate } = model
  const query = heads * headDim
  const keys = kvHeads * headDim
  const pairs: readonly (readonly [number, number])[] = [
    [hidden, query],
    [hidden, keys],
    [hidden, keys],
    [query, hidden],
  ]
  const dense = model.layers - moeLayers(model)
  const feedForward = model.mlpMatrices * (hidden + intermediate / tp) * dense
  const attention =
    pairs.reduce((sum, [into, out]) => sum + into + out / tp, 0) * cachedLayers(model)
  return rank * 2 * (attention + feedForward)
}
