import { burdenedMs, promptBurdenMs } from '../../planner/burdens/burden.ts'
import { coefficientsOf } from '../../planner/load/coefficients.ts'
import { besideMemory, draftFeatures, underEngine } from '../../planner/load/drafted-step.ts'
import { limitsOf, type Scenario as Deployment } from '../../planner/load/scenario.ts'
import {
  launchFeatures,
  promptFeatures,
  stepFeatures,
  type StepFeatures,
  sumParts,
  weigh,
} from '../../planner/load/features.ts'
import { memoryBudget } from '../../planner/memory/budget.ts'
import { levelAcceptance } from '../../planner/speculation/acceptance.ts'
import { type Layout, type PrefillChunk, stepParts } from '../../planner/step/step-time.ts'
import { defaultParameters, type EngineParameters } from '../engine/parameters.ts'
import type { StepLoad, StepTime } from '../engine/step-load.ts'
import { tabulated } from '../step-times.ts'

/** What a pool needs to know of an engine that was planned, not measured. */
export interface PlannedEngine {
  readonly engine: EngineParameters
  readonly stepTime: StepTime
  readonly ranks: number
}

/** The engine of a deployment as the planner knows it: its memory, its limits and the time of its steps. */
export function plannedEngine(
  deployment: Deployment,
  change: Partial<EngineParameters> = {},
): PlannedEngine {
  const { layout, engine, speculation = null, burdens = [] } = deployment
  const limits = limitsOf(deployment)
  const budget = memoryBudget(layout, engine.memory, {
    share: deployment.memoryShare,
    batchedTokens: limits.batchedTokens,
    ...besideMemory(layout, speculation, burdens),
  })
  const { firstToken } = coefficientsOf(deployment)
  const parameters: EngineParameters = {
    ...defaultParameters,
    sequencesMax: limits.maxSequences,
    batchTokens: limits.batchedTokens,
    // An encoder keeps nothing of what it has read.
    kvBlocks: layout.model.kind === 'encoder' ? boundless : budget.kvBlocks,
    blockTokens: engine.memory.blockTokens,
    hasPrefixCache: engine.capabilities.prefixCaching && layout.model.kind !== 'encoder',
    hasChunkedPrefill: engine.capabilities.chunkedPrefill,
    mixing: (deployment.mixesPrefill ?? engine.scheduling.mixesPrefill) ? 'mixed' : 'prefill-first',
    reserveAnswer: engine.memory.reserves === 'in-advance' ? 1 : 0,
    // The coefficients were fitted without looking ahead, so that it is in them.
    stepsAhead: 0,
    requestOverheadMs: firstToken.requestMs + weigh(launchFeatures(layout.model), firstToken),
    speculation: speculation && {
      draftTokens: speculation.verified - 1,
      depth: speculation.depth,
      acceptance: levelAcceptance(speculation),
    },
    ...change,
  }
  const stepTime = plannedStepTime(deployment)
  return {
    engine: parameters,
    stepTime: layout.dp === 1 ? tabulated(stepTime, speculation !== null) : stepTime,
    ranks: layout.dp,
  }
}

/** Blocks that no load fills. */
const boundless = 2 ** 20

/** Decoding as in the closed form; prompts add what the step takes longer with them. */
function plannedStepTime(deployment: Deployment): StepTime {
  const { layout, engine, speculation = null, burdens = [] } = deployment
  const { step, stepFactor: factor } = coefficientsOf(deployment)
  // All guesses are verified, also those beyond the end of an answer.
  const queries = speculation?.verified ?? 1
  return (ranks) => {
    const { decodes, context, chunks } = together(ranks)
    const drafted =
      speculation && decodes > 0 ? draftFeatures(layout, decodes, context, speculation) : null
    const costs = (features: StepFeatures) =>
      weigh(underEngine(features, engine, speculation), step)
    const decodeMs =
      costs(stepFeatures(layout, decodes, context, 0, 0, queries)) + (drafted ? costs(drafted) : 0)
    const tokens = decodes * queries + chunks.reduce((sum, chunk) => sum + chunk.tokens, 0)
    const borne = (ms: number) =>
      burdens.length === 0
        ? ms
        : burdenedMs(burdens, layout, ms, { tokens, sequences: decodes, context })
    if (chunks.length === 0) return borne(decodeMs * factor)
    const addedMs = addedByPrompts(layout, decodes, context, chunks) / 1e3
    const { launch } = promptFeatures(layout, 1, addedMs)
    const promptsMs =
      addedMs * step.prefill + (chunks.length * step.prefillStepUs) / 1e3 + launch * step.launch
    const perPromptMs = burdens.length > 0 ? startedIn(chunks) * promptBurdenMs(burdens, layout) : 0
    return borne((decodeMs + promptsMs) * factor) + perPromptMs
  }
}

/** Prompts whose first chunk this is. */
const startedIn = (chunks: readonly PrefillChunk[]): number =>
  chunks.filter(({ past }) => past === 0).length

function addedByPrompts(
  layout: Layout,
  decodes: number,
  context: number,
  chunks: readonly PrefillChunk[],
): number {
  const mixed = sumParts(stepParts(layout, { decodes, context, chunks }))
  return Math.max(
    0.05 * mixed,
    mixed - sumParts(stepParts(layout, { decodes, context, chunks: [] })),
  )
}

/** The planner looks at all ranks of a replica as one. */
function together(ranks: readonly StepLoad[]) {
  const chunks: PrefillChunk[] = []
  let decodes = 0
  let contextTokens = 0
  for (const load of ranks) {
    decodes += load.decodes
    contextTokens += load.contextTokens
    for (let at = 0; at < load.chunks; at++)
      chunks.push({ tokens: load.chunkTokens[at]!, past: load.chunkPast[at]!, count: 1 })
  }
  return {
    decodes,
    context: decodes > 0 ? contextTokens / decodes : 0,
    chunks,
  }
}
