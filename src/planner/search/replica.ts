import type { EngineModel } from '../../core/engine-model.ts'
import { limitsOf } from '../load/scenario.ts'
import { memoryBudget, type MemoryBudget, sequenceCapacity } from '../memory/budget.ts'
import type { Burden } from '../burdens/burden.ts'
import { besideMemory } from '../load/drafted-step.ts'
import type { Speculation } from '../speculation/speculation.ts'
import { keptLayers } from '../model-facts.ts'
import { lengthQuantile, type Workload } from '../workload/workload.ts'
import {
  type DeviceCurve,
  deviceCurve,
  type EngineCurve,
  engineCurve,
  type PromptPlace,
} from './curve.ts'
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
  readonly speculation: Speculation | null
  /** Sequences that the cache holds. */
  readonly capacity: number
  /** The engine's own limit on sequences, where nobody says. */
  readonly defaultSequences: number
}

/** Device curves of one search, shared by engines and knobs that see the same steps. */
export type CurveCache = Map<string, DeviceCurve>

/** What replicas are laid out for. */
export interface ReplicaAsk {
  readonly workload: Workload
  readonly pinned: Pinned
  readonly speculation: Speculation | null
  readonly burdens: readonly Burden[]
  /** Only these token budgets and memory shares. */
  readonly only?: { readonly batchedTokens: readonly number[]; readonly shares: readonly number[] }
}

/** The settings of an engine on a copy that differ in what they do; its defaults come first. */
export function replicas(
  engine: EngineModel,
  copy: Copy,
  ask: ReplicaAsk,
  cache: CurveCache,
): Replica[] {
  const { workload, pinned, speculation, burdens } = ask
  const contextMax = pinned.contextMax ?? contextFor(copy, workload)
  const defaults = limitsOf({
    engine,
    layout: copy.layout,
    maxSequences: null,
    batchedTokens: null,
  })
  const found: Replica[] = []
  const seen = new Set<string>()
  const budgets = budgetsOf(ask, defaults.batchedTokens)
  // Each token of an encoder looks at all others: a prompt goes into one step.
  const isWhole = copy.layout.model.kind === 'encoder'
  const whole = budgets.filter((budget) => budget > contextMax)
  for (const batchedTokens of isWhole ? [contextMax, ...whole] : budgets)
    for (const share of ask.only?.shares ?? sharesOf(engine, pinned)) {
      const chunks = Math.ceil(uncached(workload) / batchedTokens)
      const budget = memoryBudget(copy.layout, engine.memory, {
        share,
        batchedTokens,
        ...besideMemory(copy.layout, speculation, burdens),
      })
      const key = `${chunks} ${budget.kvBytes}`
      if (seen.has(key) || !holdsOne(engine, copy, budget, contextMax)) continue
      seen.add(key)
      const device = cached(copy, workload, batchedTokens, chunks, speculation, cache)
      const shared = {
        engine,
        copy,
        budget,
        batchedTokens,
        contextMax,
        speculation,
        capacity: capacityOf(engine, copy, budget, workload),
        defaultSequences: defaults.maxSequences,
      }
      const curve = (place?: PromptPlace) => engineCurve(engine, device, place, burdens)
      const chunkedPrefill = engine.capabilities.chunkedPrefill && !isWhole
      found.push({ ...shared, curve: curve(), chunkedPrefill })
      if (chunks === 1 && engine.scheduling.mixesPrefill && batchedTokens >= longest(workload))
        found.push({ ...shared, curve: curve('apart'), chunkedPrefill: false })
    }
  return found
}

function budgetsOf({ pinned, only }: ReplicaAsk, usual: number): readonly number[] {
  if (pinned.batchedTokens !== undefined) return [pinned.batchedTokens]
  return [...new Set(only?.batchedTokens ?? [usual, ...batchedTokenChoices])]
}

const draftKey = (speculation: Speculation | null): string =>
  speculation
    ? `${speculation.method} ${speculation.depth} ${speculation.width} ${speculation.verified} ${speculation.acceptance}`
    : ''

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
  if (keptLayers(layout.model) === 0) return true
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
  speculation: Speculation | null,
  cache: CurveCache,
): DeviceCurve {
  const { tp, pp, dp, ep, device, precision } = layout
  const key = `${device.name} ${tp} ${pp} ${dp} ${ep} ${precision.dense} ${precision.experts} ${precision.kvBytes} ${chunks} ${draftKey(speculation)}`
  const known = cache.get(key)
  if (known) return known
  const shape = {
    isl: workload.inputTokens.mean,
    osl: workload.outputTokens.mean,
    prefixShare: workload.prefixShare,
  }
  const curve = deviceCurve(layout, shape, batchedTokens, 2048, speculation)
  cache.set(key, curve)
  return curve
}
