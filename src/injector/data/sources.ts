import type { InjectionSpec } from '../../contract/injection-spec.ts'
import type { RunSources } from '../run-sources.ts'
import { readClientMix } from './client-mix.ts'
import { readDataset } from './dataset.ts'
import { createImageTemplate } from './image-template.ts'
import { readRecording } from './recording.ts'
import { readSessions } from './sessions.ts'

/** The files that a spec names. Error: `injection/bad-data`. */
export function readSources({ workload }: InjectionSpec): RunSources {
  const { trace, dataset, sessions, images, clients } = workload
  return {
    ...(trace ? { recording: readRecording(trace) } : {}),
    ...(dataset ? { dataset: readDataset(dataset.path, dataset.columns) } : {}),
    ...(sessions ? { sessions: readSessions(sessions.path) } : {}),
    ...(clients ? { clientMix: readClientMix(clients.path, clients.ratesPath) } : {}),
    ...(images ? { imageTemplate: createImageTemplate(images.width, images.height) } : {}),
  }
}
