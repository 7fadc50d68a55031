/** One request of a workload, in the order of `atMs`. */
export interface WorkloadRequest {
  /** Since the start of the run. With `after`: since that request ended. */
  readonly atMs: number
  readonly promptTokens: number
  readonly answerTokens: number
  /**
   * What prompt and answer consist of, `hashTokens` of the setup at a time, as far as another request may share it. A
   * hash stands for all that is before it too, like those that Mooncake's traces have; tokens beyond the list are
   * nobody else's. Whole numbers from 0 to 2^42.
   */
  readonly blockHashes?: readonly number[]
  /** Index, in the workload, of the request that has to end first: the turn before, or a client's last call. */
  readonly after?: number
  readonly session?: number
  /** Lower goes first where the engine orders by priority. */
  readonly priority?: number
}

export type Workload = Iterable<WorkloadRequest>
