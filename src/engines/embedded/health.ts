import type { AppError } from '../../core/errors.ts'

/** Where the engine stands. */
export type EngineState =
  | { readonly kind: 'loading'; readonly share: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'failed'; readonly error: AppError }

export interface HealthAnswer {
  readonly status: number
  readonly body: {
    readonly state: 'loading' | 'ready' | 'draining' | 'stalled' | 'failed'
    readonly reason: string
    readonly code?: string
  }
}

/**
 * The model loop apart from the process: a step that does not come back means that the process answers and the
 * model does not. `stepStartedMs` null: no step is under way.
 */
export function judgeHealth(
  state: EngineState,
  stepStartedMs: number | null,
  nowMs: number,
): HealthAnswer {
  switch (state.kind) {
    case 'loading':
      return answer(503, 'loading', `loading the model, ${Math.floor(state.share * 100)} %`)
    case 'draining':
      return answer(503, 'draining', 'ending: finishing what is in flight')
    case 'failed': {
      const { code, message } = state.error
      return { status: 500, body: { state: 'failed', reason: message, code } }
    }
    case 'ready': {
      const stepMs = stepStartedMs === null ? 0 : nowMs - stepStartedMs
      return stepMs > stallMs
        ? answer(503, 'stalled', `the model has not moved for ${Math.floor(stepMs / 1000)} s`)
        : answer(200, 'ready', 'ready')
    }
  }
}

/** Steps are planned to take a second at most; a machine that swaps may need many. */
const stallMs = 60_000

const answer = (
  status: number,
  state: HealthAnswer['body']['state'],
  reason: string,
): HealthAnswer => ({ status, body: { state, reason } })
