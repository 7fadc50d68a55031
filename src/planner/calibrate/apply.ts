import type { Calibration, EngineModel } from '../../core/engine-model.ts'

/** Engines that know the user's calibrations as well; a later one of the same thing wins. */
export const withCalibrations = (
  engines: readonly EngineModel[],
  calibrations: readonly Calibration[],
): EngineModel[] =>
  engines.map((engine) => {
    const own = calibrations.filter((one) => one.engine === engine.name)
    return own.length === 0
      ? engine
      : { ...engine, fitted: { ...engine.fitted, calibrations: own } }
  })
