import type { InjectionSpec } from '../../contract/injection.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'

/** Keeps a run against a paid endpoint under its limits by reserving the most a request can use before it is sent. */
export interface Budget {
  /** False: the request could take the run over a limit. */
  reserve(inputTokens: number, outputTokens: number): 'tokens' | 'cost' | null
  settle(inputTokens: number, outputTokens: number, record: RequestRecord): void
}

/** `share`: the part of the limits that this driver thread may use. */
export function createBudget(limits: InjectionSpec['limits'], share: number): Budget {
  const tokensMax = (limits.tokensMax ?? Infinity) * share
  const costMax = (limits.costMax ?? Infinity) * share
  let tokens = 0
  let cost = 0
  const costOf = (input: number, output: number) =>
    (input * limits.inputPricePerMillion + output * limits.outputPricePerMillion) / 1e6
  return {
    reserve(input, output) {
      if (tokens + input + output > tokensMax) return 'tokens'
      if (cost + costOf(input, output) > costMax) return 'cost'
      tokens += input + output
      cost += costOf(input, output)
      return null
    },
    settle(input, output, record) {
      const usedInput = record.promptTokens ?? input
      // A broken-off answer may have cost all that was asked for.
      const usedOutput = record.outputTokens ?? output
      tokens += usedInput + usedOutput - input - output
      cost += costOf(usedInput, usedOutput) - costOf(input, output)
    },
  }
}
