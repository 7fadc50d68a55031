import type { EngineModel } from '../../core/engine-model.ts'
import type { Burden } from '../burdens/burden.ts'
import { type PriceBook, priceOf, type Tenancy } from '../cost/prices.ts'
import { siteOf, type Sites } from '../cost/site.ts'
import type { ModelFacts } from '../model-facts.ts'
import { type DeviceGroup, groupName } from '../workload/fleet.ts'
import type { LatencyAim, SloTarget } from '../workload/slo.ts'
import { publishedDrafts } from '../speculation/published.ts'
import type { Speculation } from '../speculation/speculation.ts'
import type { SpeculationChoice } from '../speculation/parse-speculation.ts'
import type { Workload } from '../workload/workload.ts'
import type { Candidate, Objective } from './candidate.ts'
import { bears, canRun, copies } from './grid.ts'
import { isGoodEnough, type Quality, qualityOf, together } from './quality.ts'
import { ranked, score } from './rank.ts'
import { type CurveCache, type Replica, replicas } from './replica.ts'
import type { Copy, Pinned } from './settings.ts'
import { nearer, type Demand, size } from './size.ts'

export interface Request {
  readonly model: ModelFacts
  readonly fleet: readonly DeviceGroup[]
  readonly workload: Workload
  readonly slo: readonly SloTarget[]
  readonly rateRps: number | null
  readonly objective: Objective
  /** What `latency` looks at. Default: E2E p95. */
  readonly aim?: LatencyAim
  readonly minQuality: number
  readonly pinned: Pinned
  /** Engines that may stand in where those of `pinned` can't run the model or the devices. */
  readonly standIns?: readonly EngineModel[]
  /** Default: drafts whose acceptance is published for the model. */
  readonly speculation?: SpeculationChoice
  /** What the workload's own treatment loses beside the precision: nobody prunes what was asked for. */
  readonly lossBeside?: Quality
  /** What every replica bears beside the model. */
  readonly burdens?: readonly Burden[]
  readonly tenancy: Tenancy
  readonly prices: PriceBook
  /** Where devices stand. Default: one average place. */
  readonly sites?: Sites
}

export interface Screened {
  /** The best settings of every engine, layout and precision, best first. */
  readonly candidates: readonly Candidate[]
  /** Points of the grid that were worked out. */
  readonly points: number
}

/** Works out the whole grid in closed form. */
export function screen(request: Request, curves: CurveCache = new Map()): Screened {
  const { model, fleet, workload, slo, rateRps, objective, pinned, burdens = [] } = request
  const best: Candidate[] = []
  let points = 0
  for (const group of fleet) {
    const { cluster } = group
    const price = priceOf(group.device, request.tenancy, request.prices, cluster)
    const site = siteOf(request.sites, cluster)
    const devices = affordable(request, group)
    if (devices === 0) continue
    for (const copy of copies(model, { ...group, count: devices }, pinned)) {
      const demand = {
        workload,
        slo: slo.map((target) => nearer(target, site)),
        rateRps,
        objective,
        devices,
        site,
        device: groupName(group),
        price,
        pinned,
      }
      for (const engine of pinned.engines) {
        if (!canRun(engine, copy) || !burdens.every((burden) => bears(engine, burden))) continue
        const quality = qualityWith(engine, copy, request)
        if (quality === null) continue
        const found = bestSettings(engine, copy, request, { ...demand, quality }, curves)
        points += found.points
        if (found.best) best.push(found.best)
      }
    }
  }
  return { candidates: ranked(best, objective, slo, request.aim), points }
}

/** Null: worse than was asked for. */
function qualityWith(
  { capabilities }: EngineModel,
  { weights, kvPrecision }: Copy,
  { model, pinned, minQuality, lossBeside }: Request,
): Quality | null {
  const isGguf = capabilities.loadsGguf ?? false
  // Whoever names a precision has settled the question of that one.
  const open = qualityOf(
    model,
    pinned.weights === undefined ? weights : model.nativePrecision,
    pinned.kvPrecision === undefined ? kvPrecision : 'bf16',
    isGguf,
  )
  if (!isGoodEnough(open, minQuality)) return null
  const quality = qualityOf(model, weights, kvPrecision, isGguf)
  return lossBeside ? together(quality, lossBeside) : quality
}

/** As many of the devices as the budget of their site pays for. */
export function affordable(
  { tenancy, prices, sites }: Request,
  { device, cluster, count }: DeviceGroup,
): number {
  const { usdPerHour } = priceOf(device, tenancy, prices, cluster)
  const { usdPerHourMax } = siteOf(sites, cluster)
  if (usdPerHourMax === null || usdPerHour === null || usdPerHour === 0) return count
  return Math.min(count, Math.floor(usdPerHourMax / usdPerHour + 1e-9))
}

/** The best settings without drafts; then drafts, near those and near the engine's defaults. */
function bestSettings(
  engine: EngineModel,
  copy: Copy,
  request: Request,
  demand: Demand,
  curves: CurveCache,
): { readonly best: Candidate | null; readonly points: number } {
  const { workload, pinned, burdens = [] } = request
  let points = 0
  const choose = (found: readonly Replica[], from: Candidate | null, worth = worthwhile) =>
    found.reduce<Candidate | null>((chosen, replica) => {
      points++
      const next = size(replica, demand)
      return chosen === null || isBetter(next, chosen, request, worth) ? next : chosen
    }, from)
  const ask = { workload, pinned, burdens, speculation: null }
  const all = replicas(engine, copy, ask, curves)
  const plain = choose(all, null)
  // Engines do not draft beside pipeline stages (vLLM's documentation of speculative decoding).
  const drafts = copy.layout.pp > 1 ? [] : draftsOf(request)
  let best = pinned.drafted ? null : plain
  for (const speculation of drafts) {
    if (!engine.capabilities.speculative.includes(speculation.method)) continue
    const only = plain && {
      batchedTokens: [all[0]!.batchedTokens, plain.settings.batchedTokens],
      shares: [plain.budget.share],
    }
    const next = choose(
      replicas(engine, copy, { ...ask, speculation, ...(only ? { only } : {}) }, curves),
      best,
      draftsWorth,
    )
    // Drafts come by their depth: where a deeper one does not gain, those beyond it lose.
    if (next === best && best !== null) break
    best = next
  }
  return { best, points }
}

function draftsOf({ model, workload, speculation = 'auto' }: Request): readonly Speculation[] {
  if (speculation === 'auto') return publishedDrafts(model, workload.name)
  return speculation === null ? [] : [speculation]
}

/** Settings have to earn their distance from the defaults, which come first. */
function isBetter(next: Candidate, chosen: Candidate, request: Request, worth: number): boolean {
  const { objective, slo, aim } = request
  if (next.meetsSlo && chosen.meetsSlo) {
    const before = score(chosen, objective, aim)
    return before - score(next, objective, aim) > Math.abs(before) * worth
  }
  return ranked([chosen, next], objective, slo, aim)[0] === next
}

const worthwhile = 0.005
/** Drafts that cost nothing more are worth it for their speed alone. */
const draftsWorth = 0.0005
