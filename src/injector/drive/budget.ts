import type { InjectionSpec } from '../../contract/injection-spec.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'

/** Keeps a run against a paid endpoint under its limits by reserving the most a request can use before it is sent. */
export interface Budget {
  /** Not null: the request could take the run over that limit. */
  reserve(
    request: number,
    inputTokensAtMost: number,
    outputTokens: number,
  ): 'tokens' | 'cost' | null
  settle(record: RequestRecord): void
}

/** `share`: the part of the limits that this driver thread may use. Null: nothing is limited. */
export function createBudget(limits: InjectionSpec['limits'], share: number): Budget | null {
  if (limits.tokensMax === null && limits.costMax === null) return null

  const tokensMax = (limits.tokensMax ?? Infinity) * share
  const costMax = (limits.costMax ?? Infinity) * share
  const reserved = new Map<number, { input: number; output: number }>()
  let tokens = 0
  let cost = 0
  const costOf = (input: number, output: number) =>
    (input * limits.inputPricePerMillion + output * limits.outputPricePerMillion) / 1e6
  const add = (input: number, output: number, sign: 1 | -1) => {
    tokens += sign * (input + output)
    cost += sign * costOf(input, output)
  }
  return {
    reserve(request, input, output) {
      if (tokens + input + output > tokensMax) return 'tokens'
      if (cost + costOf(input, output) > costMax) return 'cost'
      reserved.set(request, { input, output })
      add(input, output, 1)
      return null
    },
    settle({ index, promptTokens, outputTokens }) {
      const most = reserved.get(index)
      if (!most) return
      reserved.delete(index)
      add(most.input, most.output, -1)
      // A broken-off answer may have cost all that was asked for.
      add(promptTokens ?? most.input, outputTokens ?? most.output, 1)
    },
  }
}
