import { acceleratorCatalogue } from '../accelerators/resolve-accelerator.ts'
import type { DeviceGroup } from '../workload/fleet.ts'
import { type SloTarget, sloName } from '../workload/slo.ts'
import type { Workload } from '../workload/workload.ts'
import type { Candidate } from './candidate.ts'
import { lightest, operate, valueIn, valueOf } from './operate.ts'
import { pareto } from './rank.ts'
import type { Rehearse } from './rehearsal.ts'
import { relax, repair } from './repair.ts'
import type { CurveCache } from './replica.ts'
import { type Request, screen, type Screened } from './screen.ts'
import { type Split, splitRate } from './split.ts'
import { onStage, piledUp } from './stage.ts'

/** The recommendation: never empty unless nothing in the catalogue holds the model. */
export interface Plan {
  /** What was planned in the end; differs from what was asked where `reasons` say so. */
  readonly request: Request
  /** `nearest`: something that was asked for cannot be, and this comes closest. */
  readonly status: 'meets' | 'nearest' | 'impossible'
  readonly reasons: readonly string[]
  readonly candidates: readonly Candidate[]
  readonly pareto: readonly Candidate[]
  /** Several types of devices: which replicas go where, with the shares of the route. */
  readonly split: readonly Split[]
  readonly points: number
}

/** `rehearse`: plays the best candidates before they are recommended, `shown` of them at the least. */
export function plan(
  asked: Request,
  curves: CurveCache = new Map(),
  rehearse: Rehearse | null = null,
  shown = 1,
): Plan {
  const repaired = repair(asked)
  const reasons = [...repaired.reasons]
  let request = repaired.request
  let screened: Screened = screen(request, curves)
  let isAsked = repaired.reasons.length === 0
  if (screened.candidates.length === 0) {
    isAsked = false
    const relaxed = relax(request, others(), curves)
    if (!relaxed) return impossible(request, reasons)
    screened = relaxed
    request = relaxed.request
    reasons.push(...relaxed.reasons)
  }
  const candidates = rehearse
    ? onStage(request, screened.candidates, rehearse, shown)
    : screened.candidates
  const best = candidates[0]
  const split = splitRate(request, candidates)
  if (best && !best.meetsSlo && split.length < 2) {
    isAsked = false
    reasons.push(...shortfall(request, candidates, best))
  }
  return {
    request,
    status: isAsked ? 'meets' : 'nearest',
    reasons,
    candidates,
    pareto: pareto(candidates),
    split,
    points: screened.points,
  }
}

const impossible = (request: Request, reasons: readonly string[]): Plan => ({
  request,
  status: 'impossible',
  reasons: [...reasons, `no devices of the catalogue hold ${request.model.name}`],
  candidates: [],
  pareto: [],
  split: [],
  points: 0,
})

/** Whole nodes of what can be rented, cheapest memory first; last those that nobody lists a price of. */
function others(): DeviceGroup[] {
  const usdPerByte = ({ priceUsdH, memoryBytes }: DeviceGroup['device']) =>
    (priceUsdH ?? Number.MAX_VALUE) / memoryBytes
  return acceleratorCatalogue
    .map(({ accelerator }) => ({ device: accelerator, count: 8 }))
    .sort((a, b) => usdPerByte(a.device) - usdPerByte(b.device))
    .flatMap((group) => [group, { ...group, count: 64 }])
    .sort((a, b) => a.count - b.count)
}

/** Why no candidate keeps the limits at the rate: the floor of each limit, or the devices that it takes. */
function shortfall(request: Request, candidates: readonly Candidate[], best: Candidate): string[] {
  const { slo, rateRps, workload } = request
  const { rehearsed } = best
  const missed = rehearsed
    ? slo.filter((target) => valueIn(rehearsed, target) > target.limitMs)
    : []
  if (rehearsed && missed.length > 0 && best.mostRps >= (rateRps ?? 0))
    return missed.map(
      (target) =>
        `${sloName(target)} ≤ ${target.limitMs} ms was missed where it was played: ${Number(valueIn(rehearsed, target).toPrecision(3))} ms; more devices, or a looser limit`,
    )
  if (rehearsed && piledUp(rehearsed) && best.mostRps >= (rateRps ?? 0))
    return [
      `requests pile up where it was played: ${rehearsed.requests} of them at ${rate(rehearsed.rateRps ?? 0)} took ${Math.round(rehearsed.seconds)} s; more devices, or fewer requests`,
    ]
  if (best.mostRps > 0 && rateRps !== null) {
    const each = best.mostRps / best.settings.devices
    const needed = Math.ceil(rateRps / each)
    return [
      `${rate(rateRps)} within the limits takes about ${needed} × ${best.settings.device}; ${best.settings.devices} carry ${rate(best.mostRps)}`,
    ]
  }
  const floors = slo.flatMap((target) => {
    const floor = Math.min(...candidates.map((candidate) => least(candidate, workload, target)))
    return floor > target.limitMs ? [below(target, floor)] : []
  })
  const carried = Math.max(...candidates.map(({ servedRps }) => servedRps))
  if (rateRps !== null && carried < rateRps * 0.999)
    floors.push(
      `${rate(rateRps)} is more than these devices carry at any latency: ${rate(carried)}, so about ${Math.ceil(rateRps / (carried / best.settings.devices))} × ${best.settings.device} at the least`,
    )
  return floors.length > 0
    ? floors
    : ['no configuration keeps all limits at once; this one misses them least']
}

/** The least that is known of it: all but alone, at the load that it would carry, or where that was played. */
function least({ curve, operating, rehearsed }: Candidate, workload: Workload, target: SloTarget) {
  const alone = operate(curve, operating.places, workload, lightest)
  const known = [valueOf(alone, target), valueOf(operating, target)]
  return Math.min(...known, rehearsed ? valueIn(rehearsed, target) : Infinity)
}

const below = (target: SloTarget, floorMs: number): string =>
  `${sloName(target)} ≤ ${target.limitMs} ms is below what these devices can do: ${Number(floorMs.toPrecision(3))} ms for a request that is all but alone`

const rate = (rps: number): string => `${Number(rps.toPrecision(3))} requests/s`
