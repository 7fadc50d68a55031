/** One request of a workload, in the order of `atMs`. */
export interface WorkloadRequest {
  /** Since the start of the run. With `after`: since that request ended. */
  readonly atMs: number
  readonly promptTokens: number
  readonly answerTokens: number
  /**
   * Names of the contents of prompt and answer, block by block, as far as another request may share them. A name
   * stands for all that is before it too, like a chained hash; blocks beyond the list are nobody else's.
   */
  readonly blockHashes?: readonly number[]
  /** Index, in the workload, of the request that has to end first: the turn before, or a client's last call. */
  readonly after?: number
  readonly session?: number
  /** Lower goes first where the engine orders by priority. */
  readonly priority?: number
}

export type Workload = Iterable<WorkloadRequest>
