/**
 * An engine that computes nothing and knows how long each step would take. `server/` hands it in: planner and simulator
 * are behind it. Requests are numbers of tokens; times are milliseconds of the caller's clock.
 */
export interface StepModel {
  /** Longest prompt + answer. */
  readonly contextTokens: number
  readonly kvTokens: number
  readonly queueMax: number
  /** Before a request reaches the scheduler: HTTP, template, tokenising. */
  readonly overheadMs: number
  /** How long the cache of a prompt is on its way from one replica to another. */
  transferMs(promptTokens: number): number
  add(request: StepRequest): number
  /** Why it can't be taken; null: it waits for its turn. */
  enqueue(id: number): 'queue-full' | 'too-long' | null
  /** Gives one up, say because its client has gone. */
  abort(id: number): void
  /** Starts a step where there is something to do: when it ends. Null: there is nothing. */
  startStep(nowMs: number): number | null
  endStep(): void
  /** Answer tokens so far. */
  produced(id: number): number
  /** Prompt tokens that were in memory; null: it still waits. */
  cached(id: number): number | null
  /** It has ended, and nobody asks for it again. */
  forget(id: number): void
  load(): { readonly running: number; readonly waiting: number; readonly kvUsage: number }
}

export interface StepRequest {
  readonly promptTokens: number
  readonly answerTokens: number
  /** What prompt and answer consist of, 16 tokens at a time. */
  readonly blockHashes: readonly number[]
  /** Another replica has read the prompt, and what it keeps of it is here. */
  readonly isRead: boolean
}
