import type { ModelFacts } from '../model-facts.ts'
import type { Workload } from './workload.ts'

/**
 * What a workload is to a model that only reads, as those that embed and rank do: its prompts, cut where the model ends.
 * One pass over each is the whole answer, so that nothing is to be said of the time per token.
 */
export function asRead(workload: Workload, { kind, contextMax }: ModelFacts): Workload {
  if (kind !== 'encoder') return workload
  const { inputTokens, slo } = workload
  return {
    ...workload,
    inputTokens: { ...inputTokens, mean: Math.min(inputTokens.mean, contextMax - 1) },
    outputTokens: { mean: 1, spread: 0 },
    slo: slo.filter(({ figure }) => figure !== 'tpot'),
  }
}
