import type { InjectionSpec } from '../contract/injection-spec.ts'
import type { ClientMix } from './policy/arrivals/client-mix.ts'
import type { DatasetPrompt, PromptSources } from './policy/workload/prompt.ts'
import type { Recording, Schedule, Sources } from './policy/workload/schedule.ts'
import type { Session } from './policy/workload/session.ts'
import type { ImageTemplate } from './policy/workload/synthetic-image.ts'

/** What the files that a spec names hold. */
export interface RunSources {
  readonly recording?: Recording | undefined
  readonly dataset?: readonly DatasetPrompt[]
  readonly sessions?: readonly Session[] | undefined
  readonly clientMix?: ClientMix
  readonly imageTemplate?: ImageTemplate
}

/** What the schedule is computed from, out of what the files of a spec hold. */
export const scheduleSources = (sources: RunSources): Sources => ({
  ...(sources.recording ? { recording: sources.recording } : {}),
  ...(sources.sessions ? { sessions: sources.sessions } : {}),
  ...(sources.clientMix ? { clientMix: sources.clientMix } : {}),
  datasetRows: sources.dataset?.length ?? 0,
})

/** What every driver thread needs to make prompts. */
export const threadSources = (
  spec: InjectionSpec,
  schedule: Schedule,
  sources: RunSources,
): PromptSources => ({
  spec,
  schedule,
  dataset: sources.dataset ?? [],
  sessions: sources.sessions ?? null,
  prefixBlocks: sources.recording?.prefixBlocks ?? null,
  imageTemplate: sources.imageTemplate ?? null,
  wordsPerToken: spec.workload.calibration?.wordsPerToken ?? 1,
  templateTokens: spec.workload.calibration?.templateTokens ?? 0,
})
