import type { EngineModel, FittedEra } from '../../core/engine-model.ts'
import { measuredName } from '../model-facts.ts'
import type { Layout } from '../step/step-time.ts'
import { eraOf } from './scenario.ts'

export interface CorrectionSubject {
  readonly engine: EngineModel
  readonly layout: Layout
  readonly version: string
}

/** What is learnt apart. */
export type TimedPart = 'step' | 'firstToken'

/** The era under whose name this one's coefficients and corrections are learnt. */
export const learntWith = (era: FittedEra, part: TimedPart): string =>
  (part === 'step' ? era.stepOf : era.firstTokenOf) ?? era.from

/** What measured runs of the same kind were slower or faster by, as a logarithm; nothing known adds nothing. */
export const correction = (
  known: Readonly<Record<string, number>>,
  subject: CorrectionSubject,
  part: TimedPart,
): number => correctionKeys(subject, part).reduce((sum, key) => sum + (known[key] ?? 0), 0)

/** From the general to the particular; the fit shrinks each toward nothing. */
export function correctionKeys(
  { engine, layout, version }: CorrectionSubject,
  part: TimedPart,
): string[] {
  const { model, device, precision } = layout
  const era = learntWith(eraOf(engine, version), part)
  const name = measuredName(model)
  const kernel = `kernel ${model.moe ? `${precision.experts} experts` : precision.dense} on ${device.architecture}`
  const own = [
    `model ${name}`,
    kernel,
    `version ${shortVersion(version)}`,
    `pair ${name} on ${device.name}`,
  ].map((key) => `${era}: ${key}`)
  return part === 'step' ? [...own, `${everyEngine}${kernel}`] : own
}

/** What keys begin with that all engines share: tables of kernels are as wrong under one as under another. */
export const everyEngine = 'every: '

/** "vLLM 0.15.1" → "0.15", "1.2.0rc6.post3" → "1.2.0rc6.post3": release candidates differ, patches do not. */
function shortVersion(version: string): string {
  const text = version.toLowerCase().replace(/^[a-z ]+(?=\d)/, '')
  if (!/\d/.test(text)) return text || 'unknown'
  return /rc|post|dev|nightly|-/.test(text) ? text : text.split('.').slice(0, 2).join('.')
}
