import type { EngineModel, FittedEra } from '../../core/engine-model.ts'
import type { Layout } from '../step/step-time.ts'
import type { Burden } from '../burdens/burden.ts'
import type { Speculation } from '../speculation/speculation.ts'
import type { Load } from './load.ts'

/** One engine's replicas under a load: all that a prediction needs. */
export interface Scenario {
  readonly layout: Layout
  readonly engine: EngineModel
  readonly version: string
  readonly replicas: number
  readonly isl: number
  readonly osl: number
  readonly prefixShare: number
  /** Whether lengths are means of recorded ones, not what every request was asked for. Default: they are. */
  readonly areLengthsDrawn?: boolean
  readonly load: Load
  /** Null: the engine's default. */
  readonly maxSequences: number | null
  readonly batchedTokens: number | null
  readonly memoryShare: number | null
  /** Steps after which the engine looks for new requests. Default 1. */
  readonly recvInterval?: number
  /** Prompts share a step with those who decode. Default: as the engine does by itself. */
  readonly mixesPrefill?: boolean
  /** Mean of both lengths over `isl` and `osl`. Default 1. */
  readonly lengthShare?: number
  /** Default: none. */
  readonly speculation?: Speculation | null
  /** What each replica bears beside the model. Default: nothing. */
  readonly burdens?: readonly Burden[]
  /** Times of a step, as a factor: what an engine that is so much slower would do. Default 1. */
  readonly pace?: number
}

export interface Limits {
  readonly maxSequences: number
  readonly batchedTokens: number
}

/** The engine's limits: what was asked for, else its defaults for a device of this size. */
export function limitsOf(
  scenario: Pick<Scenario, 'engine' | 'layout' | 'maxSequences' | 'batchedTokens' | 'speculation'>,
): Limits {
  const { engine, layout } = scenario
  const { scheduling } = engine
  const { device } = layout
  const isLarge =
    device.memoryBytes >= scheduling.largeDeviceBytes &&
    !scheduling.smallArchitectures.includes(device.architecture)
  const size = isLarge ? 'large' : 'small'
  const drafted = scenario.speculation ? scheduling.draftedSequences : undefined
  return {
    maxSequences: scenario.maxSequences ?? drafted ?? scheduling.maxSequences[size],
    batchedTokens: scenario.batchedTokens ?? scheduling.batchedTokens[size],
  }
}

/** The coefficients of the engine version: the last era that had begun. */
export function eraOf(engine: EngineModel, version: string): FittedEra {
  const { eras } = engine.fitted
  let chosen = eras.at(-1)
  if (/\d/.test(version)) {
    chosen = eras[0]
    for (const era of eras) if (compareVersions(version, era.from) >= 0) chosen = era
  }
  if (!chosen) throw new RangeError(`${engine.name} has no coefficients`)
  return chosen
}

function compareVersions(left: string, right: string): number {
  // A date stands for what was current then; the newest era of every engine begins in 2025.
  const year = /\b(20\d\d)-\d\d/.exec(left)?.[1]
  if (year) return Number(year) >= 2025 || right === '0' ? 1 : -1
  const numbers = (text: string) => (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? '0').split('.').map(Number)
  const a = numbers(left)
  const b = numbers(right)
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
