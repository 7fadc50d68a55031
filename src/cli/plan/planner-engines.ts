import { resolve } from 'node:path'
import type { EngineModel } from '../../core/engine-model.ts'
import { engineModels } from '../../engines/models.ts'
import { withCalibrations } from '../../planner/calibrate/apply.ts'
import {
  calibrationOf,
  createCalibrationFolder,
  readCalibrationFile,
} from '../calibrate/calibration-folder.ts'
import type { Flags, FlagValues } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import type { Io, Output } from '../io.ts'

/** Flags of every command that predicts. */
export const calibrationFlags = {
  calibration: {
    kind: 'text',
    hint: 'FILE|none',
    summary: 'An exported calibration, or none; default: those kept in the data directory',
  },
  data: { kind: 'text', hint: 'DIR', summary: 'Data directory of this machine (BALEEN_DATA)' },
} as const satisfies Flags

/** What is known of engines, with the user's own calibrations. */
export async function plannerEngines(
  flags: FlagValues<typeof calibrationFlags>,
  io: Io,
  output: Output,
): Promise<EngineModel[]> {
  if (flags.calibration === 'none') return [...engineModels]
  if (flags.calibration !== undefined) {
    const file = readCalibrationFile(resolve(io.workingDirectory, flags.calibration))
    return withCalibrations(engineModels, [calibrationOf(file)])
  }
  const directory = await dataDirectory({ data: flags.data, config: undefined }, io)
  const { files, unreadable } = createCalibrationFolder(directory).list()
  for (const path of unreadable) output.note(`${path} is no calibration: left aside`)
  return withCalibrations(engineModels, files.map(calibrationOf))
}
