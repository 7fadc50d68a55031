import type { Situation } from '../../core/engine-model.ts'
import { calibratedBars, type HalfWidths } from '../load/calibrated-bars.ts'
import { calibrationOf } from '../load/coefficients.ts'
import {
  type Familiarity,
  familiarity,
  publishedBars,
  situationOf,
} from '../load/published-bars.ts'
import type { Candidate } from './candidate.ts'

/** How far published acceptances of one draft lie apart between conversation, code and maths, as a logarithm. */
const draftErrorBar = 0.15

type Judged = Pick<Candidate, 'engine' | 'copy' | 'curve' | 'operating' | 'settings'>

/** Half-widths of the 80 % interval of the logarithm of each mean figure of a candidate; `situation`: default, its own. */
export function barsOf(
  { engine, copy, curve, operating, settings }: Judged,
  situation?: Situation,
): HalfWidths {
  const subject = { layout: copy.layout, engine, version: '' }
  const calibration = calibrationOf(subject)
  const { running } = operating
  const bars = calibration
    ? calibratedBars(calibration, curve.makeup(running))
    : publishedBars(subject, situation ?? situationOf(null, curve.promptShare(running)))
  if (settings.speculative === 'off') return bars
  const drafted = (bar: number) => Math.hypot(bar, draftErrorBar)
  return {
    ttft: bars.ttft,
    tpot: drafted(bars.tpot),
    e2e: drafted(bars.e2e),
    throughput: drafted(bars.throughput),
  }
}

/**
 * What most of them are in: candidates for one workload are told apart by how well engine, model and device are known, not by
 * who reads a little more than others while it decodes.
 */
export function commonSituation(
  candidates: readonly Pick<Candidate, 'curve' | 'operating'>[],
): Situation {
  const shares = candidates
    .map(({ curve, operating }) => curve.promptShare(operating.running))
    .toSorted((a, b) => a - b)
  return situationOf(null, shares[shares.length >> 1] ?? 0)
}

/** Where a candidate's coefficients come from: the user's runs, or published ones of like combinations. */
export type Evidence = 'calibrated' | Familiarity

export const evidenceOf = ({ engine, copy }: Pick<Candidate, 'engine' | 'copy'>): Evidence =>
  calibrationOf({ engine, layout: copy.layout, version: '' })
    ? 'calibrated'
    : familiarity({ engine, layout: copy.layout })

/** An 80 % interval of a normal ends at so many standard deviations. */
const deviations = 1.2816

/**
 * The mean of a quantity over its best guess, where its logarithm is normal: what may be off threefold costs more on
 * average than what is known, so that of two equal guesses the better known one is the better choice.
 */
export const expectedOver = (halfWidth: number): number =>
  Math.exp((halfWidth / deviations) ** 2 / 2)
