import { type PriceBook, priceOf, type Tenancy } from '../cost/prices.ts'
import type { ModelFacts } from '../model-facts.ts'
import type { DeviceGroup } from '../workload/fleet.ts'
import type { SloTarget } from '../workload/slo.ts'
import type { Workload } from '../workload/workload.ts'
import type { Candidate, Objective } from './candidate.ts'
import { canRun, copies } from './grid.ts'
import { isGoodEnough, qualityOf } from './quality.ts'
import { ranked, score } from './rank.ts'
import { type CurveCache, replicas } from './replica.ts'
import type { Pinned } from './settings.ts'
import { size } from './size.ts'

export interface Request {
  readonly model: ModelFacts
  readonly fleet: readonly DeviceGroup[]
  readonly workload: Workload
  readonly slo: readonly SloTarget[]
  readonly rateRps: number | null
  readonly objective: Objective
  readonly minQuality: number
  readonly pinned: Pinned
  readonly tenancy: Tenancy
  readonly prices: PriceBook
}

export interface Screened {
  /** The best settings of every engine, layout and precision, best first. */
  readonly candidates: readonly Candidate[]
  /** Points of the grid that were worked out. */
  readonly points: number
}

/** Works out the whole grid in closed form. */
export function screen(request: Request, curves: CurveCache = new Map()): Screened {
  const { model, fleet, workload, slo, rateRps, objective, pinned } = request
  const best: Candidate[] = []
  let points = 0
  for (const group of fleet) {
    const price = priceOf(group.device, request.tenancy, request.prices)
    for (const copy of copies(model, group, pinned)) {
      const quality = qualityOf(model, copy.weights, copy.kvPrecision)
      // Whoever names a precision has settled the question.
      if (pinned.weights === undefined && !isGoodEnough(quality, request.minQuality)) continue
      const demand = {
        workload,
        slo,
        rateRps,
        objective,
        devices: group.count,
        price,
        quality,
        pinned,
      }
      for (const engine of pinned.engines) {
        if (!canRun(engine, copy)) continue
        let chosen: Candidate | null = null
        for (const replica of replicas(engine, copy, workload, pinned, curves)) {
          points++
          const next = size(replica, demand)
          if (chosen === null || isBetter(next, chosen, request)) chosen = next
        }
        if (chosen !== null) best.push(chosen)
      }
    }
  }
  return { candidates: ranked(best, objective, slo), points }
}

/** Settings have to earn their distance from the defaults, which come first. */
function isBetter(next: Candidate, chosen: Candidate, { objective, slo }: Request): boolean {
  if (next.meetsSlo && chosen.meetsSlo) {
    const gain = score(chosen, objective) - score(next, objective)
    return gain > Math.abs(score(chosen, objective)) * worthwhile
  }
  return ranked([chosen, next], objective, slo)[0] === next
}

const worthwhile = 0.005
