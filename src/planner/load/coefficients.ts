import type {
  Calibration,
  FirstTokenCoefficients,
  StepCoefficients,
} from '../../core/engine-model.ts'
import { measuredName } from '../model-facts.ts'
import { correction, type CorrectionSubject } from './correction.ts'
import { eraOf } from './scenario.ts'

/** What turns features into times for one engine, model and device. */
export interface Coefficients {
  readonly step: StepCoefficients
  readonly firstToken: FirstTokenCoefficients
  /** What is systematically slower or faster than the parts say. */
  readonly stepFactor: number
  readonly firstTokenFactor: number
}

/** The user's own calibration where there is one, else the published fit with its corrections. */
export function coefficientsOf(subject: CorrectionSubject): Coefficients {
  const { fitted } = subject.engine
  const era = eraOf(subject.engine, subject.version)
  const own = calibrationOf(subject)
  if (own)
    return {
      // A calibration of before a coefficient was thought of lacks it.
      step: { ...era.step, ...own.step },
      firstToken: { ...era.firstToken, ...own.firstToken },
      stepFactor: 1,
      firstTokenFactor: 1,
    }
  return {
    step: era.step,
    firstToken: era.firstToken,
    stepFactor: Math.exp(correction(fitted.stepCorrections, subject, 'step')),
    firstTokenFactor: Math.exp(correction(fitted.firstTokenCorrections, subject, 'firstToken')),
  }
}

/** The newest one of this model, precision and device; an unnamed version fits every version. */
export const calibrationOf = ({
  engine,
  layout,
  version,
}: CorrectionSubject): Calibration | undefined =>
  engine.fitted.calibrations?.findLast(
    (one) =>
      one.model === measuredName(layout.model) &&
      one.device === layout.device.name &&
      one.weights === (layout.model.moe ? layout.precision.experts : layout.precision.dense) &&
      (one.version === '' || version === '' || one.version === version),
  )
