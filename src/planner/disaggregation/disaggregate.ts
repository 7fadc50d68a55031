import type { EngineModel } from '../../core/engine-model.ts'
import { priceOf } from '../cost/prices.ts'
import type { Site } from '../cost/site.ts'
import type { Candidate, Objective } from '../search/candidate.ts'
import { engineCurve } from '../search/curve.ts'
import { mostRunning, operate, runningAt, valueOf } from '../search/operate.ts'
import { usualAim } from '../search/rank.ts'
import { affordable, type Request } from '../search/screen.ts'
import { nearer } from '../search/size.ts'
import { endToEndMoments, type Moments, quantile, z } from '../search/tails.ts'
import { type DeviceGroup, groupName } from '../workload/fleet.ts'
import type { SloTarget } from '../workload/slo.ts'
import { highestRate, prefillMoments, type PrefillServer } from './prefill.ts'
import { transferMs } from './transfer.ts'

/** Replicas that only read prompts, and replicas that only decode. */
export interface Disaggregated {
  readonly prefill: Side
  readonly decode: Side
  readonly engine: EngineModel
  readonly devices: number
  /** What is carried, and the most that the limits allow, requests a second. */
  readonly servedRps: number
  readonly mostRps: number
  /** For the cache of a mean prompt. */
  readonly transferMs: number
  readonly ttft: Moments
  readonly tpot: Moments
  readonly e2e: Moments
  readonly meetsSlo: boolean
  readonly usdPerHour: number | null
  readonly usdPerMillionTokens: number | null
}

export interface Side {
  readonly candidate: Candidate
  readonly replicas: number
  /** Share of the time that it works. */
  readonly busy: number
}

/**
 * What both sides lose beside the closed form: AIConfigurator multiplies prefill by 1.1 and decoding by 1.08 for the
 * work of handing over (its disaggregated model).
 */
const handing = { prefill: 1.1, decode: 1.08 } as const

/**
 * The best way to keep prompts and decoding on replicas of their own, out of the layouts that the search has found: rates
 * of both sides are matched, nP rP = nD rD. Null where no engine does it or the devices are too few for two replicas.
 */
export function disaggregate(
  request: Request,
  candidates: readonly Candidate[],
): Disaggregated | null {
  let best: Disaggregated | null = null
  for (const group of request.fleet) {
    const own = candidates.filter(
      ({ settings, engine, copy }) =>
        settings.device === groupName(group) &&
        engine.capabilities.disaggregates &&
        copy.layout.pp === 1,
    )
    for (const decode of own)
      for (const prefill of own) {
        if (!isPair(prefill, decode)) continue
        const next = matched(request, prefill, decode, group)
        if (next && (best === null || isBetter(next, best, request.objective))) best = next
      }
  }
  return best
}

const wellUsed = 0.7

/** Both sides run one engine and one checkpoint, and keep their caches alike. */
const isPair = (prefill: Candidate, decode: Candidate): boolean =>
  prefill.engine === decode.engine &&
  prefill.settings.weights === decode.settings.weights &&
  prefill.settings.kvPrecision === decode.settings.kvPrecision

function matched(
  request: Request,
  prefill: Candidate,
  decode: Candidate,
  group: DeviceGroup,
): Disaggregated | null {
  const { workload, rateRps, objective } = request
  const { site } = decode
  const slo = request.slo.map((target) => nearer(target, site))
  const devices = affordable(request, group)
  const sizes = [prefill.copy.ranks, decode.copy.ranks] as const
  if (sizes[0] + sizes[1] > devices) return null
  const handover = transferMs(decode.copy.layout, workload.inputTokens.mean, devices)
  const curve = engineCurve(decode.engine, decode.curve.device, 'elsewhere', decode.curve.burdens)
  const stepMs = (running: number) => curve.stepMs(running) * handing.decode
  const server = (firstStepMs: number): PrefillServer => ({
    promptMs: prefill.curve.promptMs * handing.prefill,
    prompt: workload.inputTokens,
    aroundMs: wayIn(prefill) + handover + firstStepMs,
  })
  const limits = (figure: SloTarget['figure']) => slo.filter((one) => one.figure === figure)
  // Nothing but the cache bounds how many decode: no prompt slows them down.
  const places = Math.max(1, Math.min(decode.capacity, 2048))
  const most = mostRunning({ ...curve, stepMs }, places, workload, limits('tpot'))
  const decodeRps = operate({ ...curve, stepMs }, places, workload, Math.max(most, 0.05)).rateRps
  const firstStep = stepMs(Math.max(1, most))
  const within = highestRate(server(firstStep).promptMs, (rps) => {
    const first = prefillMoments(server(firstStep), rps)
    return first !== null && limits('ttft').every((target) => at(first, target) <= target.limitMs)
  })
  // Where even one prompt alone misses the limit, the nearest is a side that is well used.
  const prefillRps = within > 0 ? within : (wellUsed / server(firstStep).promptMs) * 1e3
  const split = bestSplit(devices, sizes, [prefillRps, decodeRps], rateRps, objective)
  if (!split) return null
  const [prefills, decodes] = split
  const mostRps = Math.min(prefills * prefillRps, decodes * decodeRps)
  const servedRps = Math.min(rateRps ?? mostRps, mostRps)
  const running = runningAt(
    { ...curve, stepMs },
    places,
    workload.outputTokens.mean,
    servedRps / decodes,
  )
  const point = operate({ ...curve, stepMs }, places, workload, Math.max(running ?? most, 1e-3))
  const ttft = prefillMoments(server(stepMs(point.running)), servedRps / prefills)
  if (!ttft) return null
  const e2e = endToEndMoments(ttft, point.tpot, workload.outputTokens)
  const maxSequences = Math.max(1, Math.floor(places / decode.copy.layout.dp))
  const used = prefills * sizes[0] + decodes * sizes[1]
  const price = priceOf(group.device, request.tenancy, request.prices, group.cluster).usdPerHour
  const usdPerHour = price === null ? null : price * used
  const tokens = servedRps * workload.outputTokens.mean
  return {
    prefill: {
      candidate: {
        ...prefill,
        // Caches of drafts go over as well: both sides draft alike.
        settings: { ...prefill.settings, speculative: decode.settings.speculative },
      },
      replicas: prefills,
      busy: (servedRps / prefills / 1e3) * server(0).promptMs,
    },
    decode: {
      candidate: { ...decode, settings: { ...decode.settings, maxSequences } },
      replicas: decodes,
      busy: point.running / places,
    },
    engine: decode.engine,
    devices: used,
    servedRps,
    mostRps,
    transferMs: handover,
    ttft: later(ttft, site),
    tpot: point.tpot,
    e2e: later(e2e, site),
    meetsSlo:
      (rateRps === null || servedRps >= rateRps * 0.999) &&
      slo.every(
        (target) => at({ ttft, tpot: point.tpot, e2e }[target.figure], target) <= target.limitMs,
      ),
    usdPerHour,
    usdPerMillionTokens: usdPerHour === null ? null : usdPerHour / (tokens * 3600e-6),
  }
}

/** As users see it, with the way to the site. */
const later = (moments: Moments, { latencyMs }: Site): Moments => ({
  ...moments,
  mean: moments.mean + latencyMs,
})

/** HTTP, template and tokens: what the first token takes beside the prompt. */
const wayIn = ({ curve }: Candidate): number =>
  Math.max(0, curve.firstTokenMs(0, 0) - curve.promptMs - curve.stepMs(1))

const at = (moments: Moments, { statistic }: Pick<SloTarget, 'statistic'>): number =>
  statistic === 'mean' ? moments.mean : quantile(moments, z[statistic])

/** More ways to share out thousands of devices say nothing new. */
const splitsMost = 256

/** Replicas of each side: the most that can be carried, by device or in all, or the fewest devices for the rate. */
function bestSplit(
  devices: number,
  [prefillSize, decodeSize]: readonly [number, number],
  [prefillRps, decodeRps]: readonly [number, number],
  rateRps: number | null,
  objective: Objective,
): readonly [number, number] | null {
  const isFilling = objective === 'latency' || objective === 'throughput'
  const value = (prefills: number, decodes: number): number => {
    const carried = Math.min(prefills * prefillRps, decodes * decodeRps)
    const used = prefills * prefillSize + decodes * decodeSize
    if (isFilling) return carried
    if (rateRps === null) return carried / used
    // What falls short of the rate is worse than any number of devices.
    return carried >= rateRps ? -used : carried - rateRps - devices
  }
  let best: readonly [number, number] | null = null
  const most = Math.floor((devices - decodeSize) / prefillSize)
  for (let prefills = 1; prefills <= most; prefills += Math.ceil(most / splitsMost)) {
    const room = Math.floor((devices - prefills * prefillSize) / decodeSize)
    // As many as carry what the others send, as many as carry the rate, or all that there is room for.
    const matching = (prefills * prefillRps) / decodeRps
    const wanted = [matching, matching + 1, (rateRps ?? 0) / decodeRps + 1, room]
    for (const many of wanted) {
      const decodes = Math.max(1, Math.min(room, Math.floor(many)))
      if (best === null || value(prefills, decodes) > value(...best) + 1e-9)
        best = [prefills, decodes]
    }
  }
  return best
}

function isBetter(next: Disaggregated, best: Disaggregated, objective: Objective): boolean {
  if (next.meetsSlo !== best.meetsSlo) return next.meetsSlo
  return valueFor(next, objective) < valueFor(best, objective)
}

/** Smaller is better. */
export function valueFor(plan: Disaggregated, objective: Objective): number {
  switch (objective) {
    case 'latency':
      return quantile(plan.e2e, z.p95)
    case 'throughput':
      return -plan.mostRps
    default:
      return plan.usdPerMillionTokens ?? plan.devices / plan.servedRps
  }
}

/** How much better than the best plan with both on the same replicas, as a share; less than nothing: worse. */
export function gainOver(plan: Disaggregated, best: Candidate, objective: Objective): number {
  if (objective === 'throughput') return plan.mostRps / best.mostRps - 1
  if (objective === 'latency') {
    return 1 - quantile(plan.e2e, z.p95) / valueOf(best.operating, usualAim)
  }
  const cost = best.usdPerMillionTokens ?? best.settings.devices / best.servedRps
  return 1 - valueFor(plan, objective) / cost
}

/** "3 × tp1 read prompts, 5 × tp1 decode" */
export const sidesText = ({ prefill, decode }: Disaggregated): string =>
  `${prefill.replicas} × ${ranksText(prefill)} read prompts, ${decode.replicas} × ${ranksText(decode)} decode`

function ranksText({ candidate }: Side): string {
  const { tensorParallel, dataParallel } = candidate.settings
  return `tp${tensorParallel}${dataParallel > 1 ? ` dp${dataParallel}` : ''}`
}
