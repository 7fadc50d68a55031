import type { Dispatcher } from 'undici'
import type { Written } from '../durable-file.ts'
import type { OnProgress } from '../progress.ts'

/** What every step of a pull is given. */
export interface Transfer {
  /** Where unfinished files are kept between attempts: `.partial` in the models directory. */
  readonly partialDirectory: string
  readonly onProgress: OnProgress
  readonly signal: AbortSignal | undefined
  readonly dispatcher: Dispatcher | undefined
  /** First pause before another attempt. */
  readonly retryDelayMs: number
  /** Silence after which a server is given up. */
  readonly silenceMs: number
  /** Bytes that may still be written where the directory is. */
  readonly freeBytes: (directory: string) => Promise<number>
  /** Deletes what is unused until so many bytes of `what` are within the limit. Throws `model/no-room`. */
  readonly makeRoom: (bytes: number, what: string) => Promise<void>
}

/** A file of the model, complete and checked, still under a temporary name. */
export interface Fetched extends Written {
  readonly path: string
}
