import type { FittedEngine } from './engine-model.ts'

/** The JSON that bench/planner/fit.ts writes; the cast is checked by a test, not at every start. */
export const readFitted = (json: unknown): FittedEngine => json as FittedEngine
