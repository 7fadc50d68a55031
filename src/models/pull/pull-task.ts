import type { ModelEntry } from '../entry.ts'
import type { ModelProgress } from '../progress.ts'
import type { ThreadFailure } from '../thread-failure.ts'
import type { PullOptions } from './pull.ts'

/** What of the options a thread can be given. */
export type PullSettings = Pick<
  PullOptions,
  'endpoint' | 'token' | 's3' | 'dockerConfig' | 'registry' | 'limit'
>

/** What the pulling thread is given. */
export interface PullTask {
  readonly reference: string
  readonly directory: string
  readonly settings: PullSettings
}

/** What it says. It is told one thing: to stop. */
export type PullMessage =
  | { readonly type: 'progress'; readonly progress: ModelProgress }
  | { readonly type: 'pruned'; readonly name: string }
  | { readonly type: 'done'; readonly entry: ModelEntry }
  | ThreadFailure
