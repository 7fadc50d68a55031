import type { Clock } from '../core/clock.ts'
import { toAppError, type AppError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { retryAfterMs } from './policy/preparation-retry.ts'

export interface ModelFile {
  /** Absolute. */
  readonly path: string
  readonly task: 'generate' | 'embed'
}

/** How much of a model has come. */
export interface Arrived {
  readonly doneBytes: number
  /** Null: not known yet. */
  readonly totalBytes: number | null
}

/** The file of a model, fetched or made where that is what it takes. */
export type ModelSource = (
  model: string,
  options: {
    /** A sentence, and how far it is where that can be told. */
    readonly onProgress: (text: string, arrived: Arrived | null) => void
    readonly signal: AbortSignal
    /** Models that have to stay: all that deployments name. */
    readonly inUse: readonly string[]
  },
) => Promise<ModelFile>

export type Preparation =
  | ({ readonly state: 'ready' } & ModelFile)
  /** For a person: "fetching tiny.gguf, 40 % of 4.1 GiB". */
  | { readonly state: 'waiting'; readonly reason: string; readonly arrived: Arrived | null }
  | {
      readonly state: 'failed'
      readonly error: AppError
      readonly failures: number
      readonly retryAtMs: number
    }

/** Makes the models of deployments ready, each once, and tries again what failed. */
export interface Preparations {
  of(model: string): Preparation
  /** What deployments name now: what nobody names any more is given up, what has come of it stays on disk. */
  keepOnly(models: readonly string[]): void
  /** Look again: the file may be gone. */
  recheck(model: string): void
  /** Somebody has mended what kept it from coming. */
  retry(model: string): void
  close(): void
}

interface Entry {
  state: Preparation
  /** Of those in a row. */
  failures: number
  readonly stop: AbortController
}

export function createPreparations(deps: {
  readonly source: ModelSource
  readonly clock: Clock
  readonly log: Log
  onChange(): void
}): Preparations {
  const { clock, log } = deps
  const entries = new Map<string, Entry>()
  let inUse: readonly string[] = []

  const prepare = async (model: string, failures: number): Promise<void> => {
    const waiting = (reason: string, arrived: Arrived | null): Preparation => ({
      state: 'waiting',
      reason,
      arrived,
    })
    const entry: Entry = {
      state: waiting('preparing the model', null),
      failures,
      stop: new AbortController(),
    }
    entries.set(model, entry)
    const { signal } = entry.stop
    const onProgress = (reason: string, arrived: Arrived | null): void => {
      entry.state = waiting(reason, arrived)
    }
    try {
      const file = await deps.source(model, { onProgress, signal, inUse })
      entry.state = { state: 'ready', ...file }
      entry.failures = 0
    } catch (thrown) {
      if (signal.aborted) return
      const error = toAppError(thrown)
      const { code, message, hint, retryAfterS } = error
      entry.failures++
      const pauseMs = retryAfterMs(code, entry.failures, retryAfterS)
      const retryAtMs = clock.monotonicMs() + pauseMs
      entry.state = { state: 'failed', error, failures: entry.failures, retryAtMs }
      log.error({ model, code, hint, pauseMs }, `the model is not available: ${message}`)
    }
    deps.onChange()
  }

  const forget = (model: string): void => {
    entries.get(model)?.stop.abort()
    entries.delete(model)
  }

  return {
    of(model) {
      const known = entries.get(model)
      const isDue = known?.state.state === 'failed' && clock.monotonicMs() >= known.state.retryAtMs
      if (!known || isDue) void prepare(model, known?.failures ?? 0)
      return entries.get(model)!.state
    },
    keepOnly(models) {
      inUse = models
      const kept = new Set(models)
      for (const [model, { state }] of entries) {
        if (kept.has(model)) continue
        if (state.state === 'waiting') log.info({ model }, 'given up: nobody wants it any more')
        forget(model)
      }
    },
    recheck(model) {
      if (entries.get(model)?.state.state === 'ready') forget(model)
    },
    retry(model) {
      if (entries.get(model)?.state.state === 'failed') forget(model)
    },
    close() {
      for (const { stop } of entries.values()) stop.abort()
    },
  }
}
