import type { ErrorBar, Situation } from '../../core/engine-model.ts'
import { measuredName } from '../model-facts.ts'
import type { HalfWidths } from './calibrated-bars.ts'
import type { Load } from './load.ts'
import { eraOf, type Scenario } from './scenario.ts'

export type Familiarity = keyof ErrorBar

export type Combination = Pick<Scenario, 'layout' | 'engine'> & { readonly version?: string }

/** How much of the combination was measured with this engine. */
export function familiarity({ layout, engine, version = '' }: Combination): Familiarity {
  if (eraOf(engine, version).isGuess) return 'unknown'
  const { device } = layout
  const model = measuredName(layout.model)
  const { measured } = engine.fitted
  if (measured.includes(`${model} on ${device.name}`)) return 'known'
  const isModelKnown = measured.some((pair) => pair.startsWith(`${model} on `))
  const isDeviceKnown = measured.some((pair) => pair.endsWith(` on ${device.name}`))
  return isModelKnown && isDeviceKnown ? 'partly' : 'unknown'
}

/** From this share of prompts in the time between tokens on, they are what it depends on. */
const readingShare = 0.25

export const situationOf = (load: Load | null, promptShare: number): Situation => {
  if (load?.kind === 'saturated') return load.prompts === null ? 'maxLoad' : 'burst'
  return promptShare >= readingShare ? 'reading' : 'decoding'
}

/** What published runs of a like combination were off by. */
export function publishedBars(subject: Combination, situation: Situation): HalfWidths {
  const { tpot, ttft, e2e, throughput } = subject.engine.fitted.errorBars[situation]
  const known = familiarity(subject)
  return { tpot: tpot[known], ttft: ttft[known], e2e: e2e[known], throughput: throughput[known] }
}
