import type { EngineModel } from '../../core/engine-model.ts'
import { limitsOf } from '../load/scenario.ts'
import { memoryBudget, type MemoryBudget, sequenceCapacity } from '../memory/budget.ts'
import { lengthQuantile, type Workload } from '../workload/workload.ts'
import { type DeviceCurve, deviceCurve, type EngineCurve, engineCurve } from './curve.ts'
import { batchedTokenChoices } from './grid.ts'
import type { Copy, Pinned } from './settings.ts'

/** An engine on a copy with every knob set but the number of sequences. */
export interface Replica {
  readonly engine: EngineModel
  readonly copy: Copy
  readonly curve: EngineCurve
  readonly budget: MemoryBudget
  readonly batchedTokens: number
  readonly chunkedPrefill: boolean
  readonly contextMax: number
  /** Sequences that the cache holds. */
  readonly capacity: number
  /** The engine's own limit on sequences, where nobody says. */
  readonly defaultSequences: number
}

/** Device curves of one search, shared by engines and knobs that see the same steps. */
export type CurveCache = Map<string, DeviceCurve>

/** The settings of an engine on a copy that differ in what they do; its defaults come first. */
export function replicas(
  engine: EngineModel,
  copy: Copy,
  workload: Workload,
  pinned: Pinned,
  cache: CurveCache,
): Replica[] {
  const contextMax = pinned.contextMax ?? contextFor(copy, workload)
  const defaults = limitsOf({
    engine,
    layout: copy.layout,
    maxSequences: null,
    batchedTokens: null,
  })
  const choices = pinned.batchedTokens
    ? [pinned.batchedTokens]
    : [...new Set([defaults.batchedTokens, ...batchedTokenChoices])]
  const found: Replica[] = []
  const seen = new Set<string>()
  for (const batchedTokens of choices)
    for (const share of sharesOf(engine, pinned)) {
      const chunks = Math.ceil(uncached(workload) / batchedTokens)
      const budget = memoryBudget(copy.layout, engine.memory, { share, batchedTokens })
      const key = `${chunks} ${budget.kvBytes}`
      if (seen.has(key) || !holdsOne(engine, copy, budget, contextMax)) continue
      seen.add(key)
      const device = cached(copy, workload, batchedTokens, chunks, cache)
      const shared = {
        engine,
        copy,
        budget,
        batchedTokens,
        contextMax,
        capacity: capacityOf(engine, copy, budget, workload),
        defaultSequences: defaults.maxSequences,
      }
      found.push({
        ...shared,
        curve: engineCurve(engine, device),
        chunkedPrefill: engine.capabilities.chunkedPrefill,
      })
      if (chunks === 1 && engine.scheduling.mixesPrefill && batchedTokens >= longest(workload))
        found.push({ ...shared, curve: engineCurve(engine, device, false), chunkedPrefill: false })
    }
  return found
}

/** Prompt and answer of all but one request in a thousand, in whole kibi-tokens, as far as the model reaches. */
function contextFor({ layout }: Copy, { inputTokens, outputTokens }: Workload): number {
  const long = lengthQuantile(inputTokens, 3.09) + lengthQuantile(outputTokens, 3.09)
  const least = inputTokens.mean + outputTokens.mean
  const rounded = Math.ceil(Math.max(long, least) / 1024) * 1024
  return Math.max(1, Math.min(rounded, layout.model.contextMax))
}

const longest = (workload: Workload): number => lengthQuantile(workload.inputTokens, 2.3263)

const uncached = ({ inputTokens, prefixShare }: Workload): number =>
  Math.max(1, inputTokens.mean * (1 - prefixShare))

const sharesOf = ({ memory }: EngineModel, pinned: Pinned): readonly (number | null)[] =>
  pinned.memoryShare === undefined
    ? [memory.defaultShare, memory.highestShare]
    : [pinned.memoryShare]

/** An engine refuses to start where its cache does not hold one sequence of full length. */
function holdsOne(
  { memory }: EngineModel,
  { layout }: Copy,
  budget: MemoryBudget,
  contextMax: number,
): boolean {
  if (budget.kvBytes <= 0) return false
  return (
    sequenceCapacity({ ...layout, dp: 1 }, budget, contextMax) >= 1 &&
    budget.kvBlocks > 0 &&
    memory.blockTokens > 0
  )
}

function capacityOf(
  { memory }: EngineModel,
  { layout }: Copy,
  budget: MemoryBudget,
  { inputTokens, outputTokens, prefixShare }: Workload,
): number {
  const answer = outputTokens.mean * (memory.reserves === 'in-advance' ? 1 : 0.55)
  // Sequences that begin alike share the blocks of the beginning; one copy of it is held for all.
  const held = inputTokens.mean * (1 - prefixShare * 0.9) + answer
  return Math.min(16_384, sequenceCapacity(layout, budget, held))
}

function cached(
  { layout }: Copy,
  workload: Workload,
  batchedTokens: number,
  chunks: number,
  cache: CurveCache,
): DeviceCurve {
  const { tp, pp, dp, ep, device, precision } = layout
  const key = `${device.name} ${tp} ${pp} ${dp} ${ep} ${precision.dense} ${precision.experts} ${precision.kvBytes} ${chunks}`
  const known = cache.get(key)
  if (known) return known
  const shape = {
    isl: workload.inputTokens.mean,
    osl: workload.outputTokens.mean,
    prefixShare: workload.prefixShare,
  }
  const curve = deviceCurve(layout, shape, batchedTokens, 2048)
  cache.set(key, curve)
  return curve
}
