import type { ErrorCode } from '../../core/errors.ts'
import type { ModelEntry } from '../entry.ts'
import type { ModelProgress } from '../progress.ts'
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
  | {
      readonly type: 'failed'
      readonly code: ErrorCode
      readonly message: string
      readonly hint: string
      readonly retryAfterS: number | null
    }
