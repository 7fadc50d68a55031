import type { Candidate } from './candidate.ts'
import type { Plan } from './plan.ts'
import { ranked } from './rank.ts'
import type { CurveCache } from './replica.ts'
import { screen } from './screen.ts'

/** The best of those whose loss of quality nobody has measured, where it is better than what was recommended. */
export function unmeasured({ request, candidates }: Plan, curves: CurveCache): Candidate | null {
  const [best] = candidates
  if (!best || request.minQuality <= 0) return null
  const found = screen({ ...request, minQuality: 0 }, curves).candidates[0]
  if (!found || found.quality.loss !== null || !found.meetsSlo) return null
  const { objective, slo, aim } = request
  const isBetter = !best.meetsSlo || ranked([best, found], objective, slo, aim)[0] === found
  return isBetter ? found : null
}
