import type { InjectionSpec } from '../../contract/injection.ts'
import type { DatasetPrompt } from '../policy/request-body.ts'
import type { Recording } from '../policy/workload/schedule.ts'
import { readDataset } from './dataset.ts'
import { readRecording } from './recording.ts'

/** The files that a spec names. Error: `injection/bad-data`. */
export function readSources({ workload }: InjectionSpec): {
  recording?: Recording
  dataset?: readonly DatasetPrompt[]
} {
  const { trace, dataset } = workload
  return {
    ...(trace ? { recording: readRecording(trace) } : {}),
    ...(dataset ? { dataset: readDataset(dataset.path, dataset.columns) } : {}),
  }
}
