import type { Candidate } from '../search/candidate.ts'
import { worstMiss } from '../search/rank.ts'
import type { CurveCache } from '../search/replica.ts'
import { type Request, screen } from '../search/screen.ts'
import { type SloTarget, sloName } from '../workload/slo.ts'

/** What the recommendation becomes where one limit moves. */
export interface Shift {
  readonly target: string
  readonly limitMs: number
  /** The best then; null where none keeps it. */
  readonly settings: Candidate['settings'] | null
  readonly isOther: boolean
  readonly usdPerMillionTokens: number | null
  readonly mostRps: number
}

/** 1: what the formulas say of the limit as it is, so that the others can be held against it. */
const factors = [0.5, 0.75, 1, 1.5, 2] as const

/** Searches again with every limit tightened and loosened in turn; the curves are known already. */
export function sensitivity(request: Request, best: Candidate, curves: CurveCache): Shift[] {
  return request.slo.flatMap((target) =>
    factors.map((factor) => shift(request, best, target, target.limitMs * factor, curves)),
  )
}

function shift(
  request: Request,
  best: Candidate,
  target: SloTarget,
  limitMs: number,
  curves: CurveCache,
): Shift {
  const slo = request.slo.map((one) => (one === target ? { ...one, limitMs } : one))
  const found = screen({ ...request, slo }, curves).candidates[0]
  const isKept = found !== undefined && found.meetsSlo && worstMiss(found, slo) <= 1.001
  return {
    target: sloName(target),
    limitMs,
    settings: isKept ? found.settings : null,
    isOther: !isKept || shapeOf(found) !== shapeOf(best),
    usdPerMillionTokens: isKept ? found.usdPerMillionTokens : null,
    mostRps: isKept ? found.mostRps : 0,
  }
}

/** "vllm fp8 tp2 eagle3 ×4": three guesses by an EAGLE head. */
export const shapeOf = ({ settings }: Pick<Candidate, 'settings'>): string => layoutName(settings)

export function layoutName(settings: Candidate['settings']): string {
  const { tensorParallel, pipelineParallel, dataParallel, expertParallel } = settings
  const ranks = [
    `tp${tensorParallel}`,
    ...(pipelineParallel > 1 ? [`pp${pipelineParallel}`] : []),
    ...(dataParallel > 1 ? [`dp${dataParallel}`] : []),
    ...(expertParallel > 1 ? [`ep${expertParallel}`] : []),
  ]
  const { engine, weights, kvPrecision, speculative, replicas } = settings
  const kv = kvPrecision === 'fp8' ? '+kv8' : ''
  const drafts = speculative === 'off' ? '' : ` ${speculative.method}${speculative.tokens}`
  return `${engine} ${weights}${kv} ${ranks.join(' ')}${drafts} ×${replicas}`
}
