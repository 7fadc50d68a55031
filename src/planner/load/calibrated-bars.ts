import type { Calibration } from '../../core/engine-model.ts'
import type { FirstTokenFeatures, StepFeatures } from './features.ts'

export interface HalfWidths {
  readonly tpot: number
  readonly ttft: number
  readonly e2e: number
  readonly throughput: number
}

/** Where a time comes from. */
export interface Makeup {
  readonly step: StepFeatures
  readonly firstToken: FirstTokenFeatures
  readonly osl: number
}

/**
 * Half-widths of the 80 % interval of the logarithm of each figure under a calibration: what the coefficients are still
 * unsure of at this point, and how runs scatter. Far from what was measured the first part grows by itself.
 */
export function calibratedBars(
  { step, firstToken, keys, covariance, noise, deviations }: Calibration,
  makeup: Makeup,
): HalfWidths {
  const stepShares = shares(makeup.step, step)
  const firstShares = shares(makeup.firstToken, firstToken)
  const ttftMs = firstShares.total
  // The first token waits for steps as well.
  const stepsInTtft = ['step', 'openStep', 'wait'].reduce(
    (sum, name) => sum + (firstShares.of[name] ?? 0),
    0,
  )
  const tpot = keys.map((key) => (key.startsWith('step.') ? (stepShares.of[key.slice(5)] ?? 0) : 0))
  const ttft = keys.map((key, at) =>
    key.startsWith('firstToken.')
      ? (firstShares.of[key.slice(11)] ?? 0)
      : stepsInTtft * (tpot[at] ?? 0),
  )
  const answerMs = stepShares.total * Math.max(0, makeup.osl - 1)
  const share = ttftMs / (ttftMs + answerMs || 1)
  const e2e = tpot.map((slope, at) => share * (ttft[at] ?? 0) + (1 - share) * slope)
  const spread = (slope: readonly number[]) =>
    slope.reduce(
      (sum, one, at) =>
        sum + one * slope.reduce((row, other, to) => row + other * (covariance[at]?.[to] ?? 0), 0),
      0,
    )
  const half = (slope: readonly number[], scatter: number) =>
    deviations * Math.sqrt(Math.max(0, spread(slope)) + scatter * scatter)
  return {
    tpot: half(tpot, noise.tpot),
    ttft: half(ttft, noise.ttft),
    e2e: half(e2e, Math.hypot(share * noise.ttft, (1 - share) * noise.tpot)),
    throughput: half(tpot, noise.tpot),
  }
}

/** What part of a sum each feature × coefficient is: the slope of its logarithm. */
function shares(
  features: Readonly<Record<string, number>> | StepFeatures | FirstTokenFeatures,
  coefficients: Calibration['step'] | Calibration['firstToken'],
): { readonly of: Readonly<Record<string, number>>; readonly total: number } {
  const weights = coefficients as unknown as Readonly<Record<string, number>>
  const parts = Object.entries(features).map(
    ([name, value]) => [name, value * (weights[name] ?? 0)] as const,
  )
  const total = parts.reduce((sum, [, part]) => sum + part, 0)
  return { of: Object.fromEntries(parts.map(([name, part]) => [name, part / (total || 1)])), total }
}
