import { foreignBytes } from '../burdens/burden.ts'
import { deviceWatts } from '../cost/energy.ts'
import type { Price } from '../cost/prices.ts'
import type { Site } from '../cost/site.ts'
import type { SloTarget } from '../workload/slo.ts'
import { tokensPerStep } from '../speculation/acceptance.ts'
import type { Workload } from '../workload/workload.ts'
import type { Candidate, Objective } from './candidate.ts'
import {
  attainment,
  mostSteady,
  lightest,
  meets,
  mostRunning,
  operate,
  type Operating,
  runningAt,
} from './operate.ts'
import type { Quality } from './quality.ts'
import type { Moments } from './tails.ts'
import type { Replica } from './replica.ts'
import type { Pinned, Settings } from './settings.ts'

/** What a replica is sized for. */
export interface Demand {
  readonly workload: Workload
  readonly slo: readonly SloTarget[]
  /** Null: as much as the devices can do within the limits. */
  readonly rateRps: number | null
  readonly objective: Objective
  readonly devices: number
  readonly price: Price
  readonly site: Site
  /** Name of the devices in the plan. */
  readonly device: string
  readonly quality: Quality
  readonly pinned: Pinned
}

/** Sets the number of sequences and of replicas, and works out the figures. */
export function size(replica: Replica, demand: Demand): Candidate {
  const { workload, slo, rateRps, pinned, devices } = demand
  const places = placesOf(replica, demand)
  const most = pinned.replicas ?? Math.max(1, Math.floor(devices / replica.copy.ranks))
  const highest = operate(
    replica.curve,
    places,
    workload,
    Math.max(lightest, mostRunning(replica.curve, places, workload, slo)),
  )
  const isPossible = meets(highest, slo)
  const count = pinned.replicas ?? replicaCount(demand, isPossible ? highest.rateRps : 0, most)
  const operating = operatingPoint(replica, demand, places, count, isPossible ? highest : null)
  const servedRps = operating.rateRps * count
  return candidate(replica, demand, {
    places,
    count,
    operating,
    servedRps,
    mostRps: isPossible ? highest.rateRps * most : 0,
    meetsSlo:
      isPossible && meets(operating, slo) && (rateRps === null || servedRps >= rateRps * 0.999),
  })
}

/** Running sequences beyond this would break the limit on TPOT: better that a request waits. */
function placesOf(replica: Replica, { slo, pinned }: Demand): number {
  const { curve, capacity, batchedTokens, copy, speculation } = replica
  if (pinned.maxSequences !== undefined)
    return Math.max(1, Math.min(pinned.maxSequences * copy.layout.dp, capacity))
  // Guesses of running sequences come before prompts: half of a step stays free for those.
  const most = speculation ? batchedTokens / (2 * speculation.verified) : batchedTokens
  const ceiling = Math.max(1, Math.min(capacity, most, 2048) | 0)
  const limit = Math.min(
    ...slo.filter(({ figure }) => figure === 'tpot').map(({ limitMs }) => limitMs),
  )
  // A limit that one sequence alone breaks is no reason to serve one at a time.
  if (!Number.isFinite(limit) || curve.stepMs(ceiling) <= limit || curve.stepMs(1) > limit)
    return ceiling
  let low = 1
  let high = ceiling
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (curve.stepMs(middle) <= limit) low = middle
    else high = middle
  }
  return low
}

function replicaCount(demand: Demand, eachRps: number, most: number): number {
  const { rateRps, objective } = demand
  if (rateRps === null || objective === 'latency' || objective === 'throughput' || eachRps <= 0)
    return most
  return Math.min(most, Math.max(1, Math.ceil(rateRps / eachRps)))
}

function operatingPoint(
  { curve }: Replica,
  { workload, slo, rateRps, objective }: Demand,
  places: number,
  count: number,
  highest: Operating | null,
): Operating {
  if (rateRps === null) {
    if (objective === 'latency' || highest === null)
      return operate(curve, places, workload, Math.min(1, mostSteady(curve, places)))
    return slo.length > 0 || objective === 'throughput'
      ? highest
      : operate(curve, places, workload, knee(curve, highest))
  }
  const running = runningAt(curve, places, workload.outputTokens.mean, rateRps / count)
  // More than it can do within the limits: it is shown at what it can.
  if (running === null)
    return highest ?? operate(curve, places, workload, mostSteady(curve, places))
  return operate(curve, places, workload, Math.max(running, 1e-3))
}

/** Without limits: where more sequences only add latency, at nine tenths of the highest throughput. */
function knee(curve: Replica['curve'], { running }: Operating): number {
  const rateOf = (sequences: number) => sequences / curve.stepMs(sequences)
  let least = running
  while (least > 1 && rateOf(least / 1.1) >= 0.9 * rateOf(running)) least /= 1.1
  return least
}

interface Sized {
  readonly places: number
  readonly count: number
  readonly operating: Operating
  readonly servedRps: number
  readonly mostRps: number
  readonly meetsSlo: boolean
}

function candidate(replica: Replica, demand: Demand, sized: Sized): Candidate {
  const { operating, count, servedRps } = sized
  const { curve, copy, engine, budget } = replica
  const devices = count * copy.ranks
  return {
    settings: settingsOf(replica, demand, sized, devices),
    engine,
    copy,
    curve,
    budget,
    quality: demand.quality,
    capacity: replica.capacity,
    site: demand.site,
    meetsSlo: sized.meetsSlo,
    mostRps: sized.mostRps,
    ...served({ copy, curve, operating, site: demand.site }, demand, devices, servedRps),
  }
}

/** What is left of a limit once the way to the site is paid for. */
export const nearer = (target: SloTarget, { latencyMs }: Site): SloTarget =>
  target.figure === 'tpot' ? target : { ...target, limitMs: target.limitMs - latencyMs }

/** As users see it, with the way to the site. */
function fromAfar(operating: Operating, { latencyMs }: Site): Operating {
  if (latencyMs === 0) return operating
  const later = (moments: Moments) => ({ ...moments, mean: moments.mean + latencyMs })
  return { ...operating, ttft: later(operating.ttft), e2e: later(operating.e2e) }
}

/** The figures that follow from the load. */
function served(
  { copy, curve, operating, site }: Pick<Candidate, 'copy' | 'curve' | 'operating' | 'site'>,
  { workload, slo, price }: Pick<Demand, 'workload' | 'slo' | 'price'>,
  devices: number,
  servedRps: number,
) {
  // Of who only reads, what is read is what is paid for.
  const { inputTokens, outputTokens } = workload
  const isReader = copy.layout.model.kind === 'encoder'
  const tokensPerSecond = servedRps * (isReader ? inputTokens : outputTokens).mean
  const usdPerHour = price.usdPerHour === null ? null : price.usdPerHour * devices
  const promptShare = (operating.rateRps / 1e3) * curve.device.alone.total
  const watts = deviceWatts(copy.layout.device, promptShare, 1 - Math.exp(-operating.running))
  return {
    operating: fromAfar(operating, site),
    servedRps,
    attainment: attainment(operating, slo),
    outputTokensPerSecond: tokensPerSecond,
    usdPerHour,
    usdPerMillionTokens: usdPerHour === null ? null : usdPerHour / (tokensPerSecond * 3600e-6),
    joulesPerToken: watts === null ? null : (watts * devices) / tokensPerSecond,
  }
}

/** The same candidate under a smaller load, which is then also the most that it takes. */
export function atRate(
  candidate: Candidate,
  { workload, slo }: Pick<Demand, 'workload' | 'slo'>,
  rateRps: number,
  price: Price,
): Candidate {
  const { curve, operating, settings, copy, servedRps, mostRps } = candidate
  const { places } = operating
  const each = rateRps / settings.replicas
  const running = runningAt(curve, places, workload.outputTokens.mean, each) ?? operating.running
  const next = operate(curve, places, workload, Math.max(running, 1e-3))
  return {
    ...candidate,
    mostRps: mostRps * (rateRps / servedRps),
    ...served(
      { copy, curve, operating: next, site: candidate.site },
      { workload, slo, price },
      settings.devices,
      rateRps,
    ),
  }
}

function draftSettings({ speculation }: Replica): Settings['speculative'] {
  if (speculation === null) return 'off'
  const { method, weights, depth, width, verified, acceptance, source } = speculation
  return {
    method,
    model: weights,
    tokens: depth,
    width,
    verified,
    acceptance,
    tokensPerStep: Number(tokensPerStep(speculation).toFixed(2)),
    source,
  }
}

/** An engine that is given a share of the whole device may not count on what its neighbour has. */
function ownShare({ budget, engine, copy, curve }: Replica): number {
  if (engine.memory.shareOf === 'free') return budget.share
  const foreign = foreignBytes(curve.burdens, copy.layout) / budget.deviceBytes
  return foreign > 0 ? Math.floor((budget.share - foreign) * 1e3) / 1e3 : budget.share
}

function settingsOf(
  replica: Replica,
  demand: Demand,
  { places, count, operating }: Sized,
  devices: number,
): Settings {
  const { copy, engine } = replica
  const { tp, pp, dp, ep } = copy.layout
  // Memory that is taken in advance for sequences that never run is lost: as many as the load will hardly exceed.
  const needed =
    engine.memory.reserves === 'in-advance'
      ? Math.ceil(operating.running + 4 * Math.sqrt(operating.running) + 3)
      : places
  const perRank = Math.max(1, Math.floor(Math.min(places, needed) / dp))
  return {
    engine: engine.name,
    device: demand.device,
    devices,
    replicas: count,
    tensorParallel: tp,
    pipelineParallel: pp,
    dataParallel: dp,
    expertParallel: ep,
    weights: copy.weights,
    kvPrecision: copy.kvPrecision,
    contextMax: replica.contextMax,
    maxSequences:
      demand.pinned.maxSequences ?? Math.min(perRank, Math.max(1, replica.batchedTokens)),
    batchedTokens: replica.batchedTokens,
    memoryShare: ownShare(replica),
    // Nothing of an encoder's pass can be kept for the next.
    prefixCaching: engine.capabilities.prefixCaching && copy.layout.model.kind !== 'encoder',
    chunkedPrefill: replica.chunkedPrefill,
    speculative: draftSettings(replica),
  }
}
