import { type ColdStart, coldStart } from '../cold-start/cold-start.ts'
import { breakEvenOf, breakEvensOf, priceOf, type Tenancy } from '../cost/prices.ts'
import { siteOf } from '../cost/site.ts'
import { groupName } from '../workload/fleet.ts'
import type { Candidate } from '../search/candidate.ts'
import { type Evidence, evidenceOf } from '../search/certainty.ts'
import type { Plan } from '../search/plan.ts'
import { ranked } from '../search/rank.ts'
import { sloName } from '../workload/slo.ts'
import type { ApartReport } from './apart.ts'
import { type Binding, bindingOf } from './binding.ts'
import { type Figures, figuresOf } from './figures.ts'
import { knobReasons } from './knobs.ts'
import type { Shift } from './sensitivity.ts'

/** A plan as JSON. */
export interface PlanReport {
  readonly model: string
  readonly status: Plan['status']
  readonly reasons: readonly string[]
  readonly workload: {
    readonly name: string
    readonly inputTokens: number
    readonly outputTokens: number
    readonly prefixShare: number
    readonly source: string
  }
  /** What the devices bear beside the model. */
  readonly burdens: readonly string[]
  readonly slo: Readonly<Record<string, number>>
  readonly rateRps: number | null
  readonly objective: string
  /** 80 % of measured runs lie between low and high. */
  readonly confidence: 0.8
  readonly gridPoints: number
  readonly prices: readonly {
    readonly device: string
    readonly usdPerHour: number | null
    readonly source: string
    /** Hours of use after which buying is cheaper than renting on demand. */
    readonly breakEvenHours: number | null
    /** The same against every way of renting that has a price; null: never. */
    readonly breakEvens: Readonly<Partial<Record<Tenancy, number | null>>>
    /** Source of the efficiency and the grid behind energy and CO₂. */
    readonly electricity: string
  }[]
  readonly configurations: readonly ConfigurationReport[]
  readonly pareto: readonly ConfigurationReport[]
  /** The best of each type of devices in each cluster, best first; empty where there is one type. */
  readonly byDevice: readonly ConfigurationReport[]
  readonly unmeasuredQuality: ConfigurationReport | null
  readonly split: readonly {
    readonly settings: Candidate['settings']
    readonly replicas: number
    readonly requestsPerSecond: number
    readonly weight: number
  }[]
  readonly sensitivity: readonly Shift[]
  /** Prompts and decoding on replicas of their own; null where no engine or too few devices can. */
  readonly disaggregated: ApartReport | null
}

export interface ConfigurationReport {
  readonly settings: Candidate['settings']
  readonly meetsSlo: boolean
  readonly predicted: Figures
  /** By the user's own calibration, not the published fit alone. */
  readonly isCalibrated: boolean
  /** Whether published runs are of this model on this device, of both but not together, or not of both; or your own. */
  readonly evidence: Evidence
  readonly quality: { readonly loss: number | 'unknown'; readonly source: string }
  /** What happened when its load was played to it in the simulator; null where it was not. */
  readonly rehearsed: Candidate['rehearsed'] | null
  readonly binds: Binding
  readonly memory: Candidate['budget']
  /** Seconds until a replica answers. */
  readonly coldStart: ColdStart & { readonly source: string }
  readonly why: Readonly<Record<string, string>>
}

/** What was worked out beside the plan. */
export interface Beside {
  readonly sensitivity: readonly Shift[]
  readonly disaggregated: ApartReport | null
  readonly unmeasured: Candidate | null
}

export const nothingBeside: Beside = { sensitivity: [], disaggregated: null, unmeasured: null }

export function reportOf(
  plan: Plan,
  top: number,
  { sensitivity, disaggregated, unmeasured }: Beside,
): PlanReport {
  const { request } = plan
  const { workload } = request
  const tell = (candidate: Candidate) => configuration(plan, candidate)
  return {
    model: request.model.name,
    status: plan.status,
    reasons: plan.reasons,
    workload: {
      name: workload.name,
      inputTokens: workload.inputTokens.mean,
      outputTokens: workload.outputTokens.mean,
      prefixShare: workload.prefixShare,
      source: workload.source,
    },
    burdens: (request.burdens ?? []).flatMap((burden) => {
      const best = plan.candidates[0]
      return best && burden.noteOn ? [burden.note, burden.noteOn(best.copy.layout)] : [burden.note]
    }),
    slo: Object.fromEntries(request.slo.map((target) => [sloName(target), target.limitMs])),
    rateRps: request.rateRps,
    objective: request.objective,
    confidence: 0.8,
    gridPoints: plan.points,
    prices: request.fleet.map((group) => {
      const { device, cluster } = group
      return {
        device: groupName(group),
        ...priceOf(device, request.tenancy, request.prices, cluster),
        breakEvenHours: breakEvenOf(device, request.prices, cluster),
        breakEvens: breakEvensOf(device, request.prices, cluster),
        electricity: siteOf(request.sites, cluster).source,
      }
    }),
    configurations: plan.candidates.slice(0, top).map(tell),
    pareto: plan.pareto.slice(0, top * 2).map(tell),
    byDevice: bestOfEachDevice(plan).map(tell),
    unmeasuredQuality: unmeasured ? tell(unmeasured) : null,
    split: plan.split.map(({ candidate, replicas, rps, weight }) => ({
      settings: candidate.settings,
      replicas,
      requestsPerSecond: Number(rps.toPrecision(4)),
      weight,
    })),
    sensitivity,
    disaggregated,
  }
}

function bestOfEachDevice({ candidates, request }: Plan): Candidate[] {
  const best = new Map<string, Candidate>()
  for (const candidate of candidates) {
    const { device } = candidate.settings
    if (!best.has(device)) best.set(device, candidate)
  }
  const { objective, slo, aim } = request
  return best.size > 1 ? ranked([...best.values()], objective, slo, aim) : []
}

function configuration({ request }: Plan, candidate: Candidate): ConfigurationReport {
  const { quality } = candidate
  const evidence = evidenceOf(candidate)
  return {
    settings: candidate.settings,
    meetsSlo: candidate.meetsSlo,
    predicted: figuresOf(candidate, request.rateRps),
    isCalibrated: evidence === 'calibrated',
    evidence,
    quality: { loss: quality.loss ?? 'unknown', source: quality.source },
    rehearsed: candidate.rehearsed ?? null,
    binds: bindingOf(candidate),
    memory: candidate.budget,
    coldStart: {
      ...coldStart(candidate.engine, candidate.copy.layout),
      source: candidate.engine.startup.source,
    },
    why: knobReasons(candidate, request),
  }
}
