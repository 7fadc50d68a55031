import type { Clock } from '../core/clock.ts'
import { toAppError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'

/** Absolute path of the file of a model, fetched or made where that is what it takes. */
export type ModelSource = (
  model: string,
  options: { onProgress: (text: string) => void; signal: AbortSignal },
) => Promise<string>

type Preparation =
  | { readonly state: 'ready'; readonly path: string }
  /** For a person: "preparing the model, 40 %". */
  | { readonly state: 'waiting'; readonly reason: string }

/** Makes the models of deployments ready, each once, and tries again what failed. */
export interface Preparations {
  of(model: string): Preparation
  /** Look again: the file may be gone. */
  recheck(model: string): void
  close(): void
}

const retryMsMin = 2000
const retryMsMax = 60_000

export function createPreparations(deps: {
  readonly source: ModelSource
  readonly clock: Clock
  readonly log: Log
  onChange(): void
}): Preparations {
  const ending = new AbortController()
  const entries = new Map<string, { state: Preparation; retryAtMs: number; failures: number }>()

  const prepare = async (model: string, failures: number): Promise<void> => {
    const entry = {
      state: { state: 'waiting', reason: 'preparing the model' } as Preparation,
      retryAtMs: Infinity,
      failures,
    }
    entries.set(model, entry)
    try {
      const onProgress = (text: string): void => {
        entry.state = { state: 'waiting', reason: text }
      }
      const path = await deps.source(model, { onProgress, signal: ending.signal })
      entry.state = { state: 'ready', path }
      entry.failures = 0
    } catch (thrown) {
      if (ending.signal.aborted) return
      const { code, message, hint } = toAppError(thrown)
      entry.failures++
      const pauseMs = Math.min(retryMsMax, retryMsMin * 2 ** (entry.failures - 1))
      entry.retryAtMs = deps.clock.monotonicMs() + pauseMs
      entry.state = { state: 'waiting', reason: `the model is not available: ${message}` }
      deps.log.error({ model, code, hint, pauseMs }, `the model is not available: ${message}`)
    }
    deps.onChange()
  }

  return {
    of(model) {
      const entry = entries.get(model)
      if (!entry || deps.clock.monotonicMs() >= entry.retryAtMs)
        void prepare(model, entry?.failures ?? 0)
      return entries.get(model)!.state
    },
    recheck(model) {
      if (entries.get(model)?.state.state === 'ready') entries.delete(model)
    },
    close: () => ending.abort(),
  }
}
