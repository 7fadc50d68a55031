import type { EngineModel } from '../../core/engine-model.ts'
import type { Site } from '../cost/site.ts'
import type { MemoryBudget } from '../memory/budget.ts'
import type { EngineCurve } from './curve.ts'
import type { Operating } from './operate.ts'
import type { Quality } from './quality.ts'
import type { Rehearsal } from './rehearsal.ts'
import type { Copy, Settings } from './settings.ts'

/** One way to run the model, and what it will do. */
export interface Candidate {
  readonly settings: Settings
  readonly engine: EngineModel
  readonly copy: Copy
  readonly curve: EngineCurve
  readonly budget: MemoryBudget
  readonly quality: Quality
  /** Sequences that the caches of a replica hold at once. */
  readonly capacity: number
  /** What one replica does. */
  readonly operating: Operating
  readonly meetsSlo: boolean
  /** Requests a second that all replicas serve. */
  readonly servedRps: number
  /** The most that they could serve within the limits. */
  readonly mostRps: number
  readonly attainment: number
  /** Of an encoder, which writes none: those it reads. So with its cost and energy. */
  readonly outputTokensPerSecond: number
  readonly usdPerHour: number | null
  /** For a million tokens of answers, prompts included in the price. */
  readonly usdPerMillionTokens: number | null
  readonly joulesPerToken: number | null
  /** Where its devices stand. */
  readonly site: Site
  /** What happened when its load was played; absent where it was not. */
  readonly rehearsed?: Rehearsal
}

export const objectives = ['cost', 'latency', 'throughput', 'energy', 'quality'] as const
export type Objective = (typeof objectives)[number]
