import type { EngineModel } from '../../core/engine-model.ts'
import { type Burden, burdenBytes } from '../burdens/burden.ts'
import { adapterBurden } from '../burdens/adapters.ts'
import { offloadBurden } from '../burdens/offload.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { type DeviceGroup, groupName } from '../workload/fleet.ts'
import { bears, canRun, copies, divides, weightChoices } from './grid.ts'
import { isGoodEnough, qualityOf } from './quality.ts'
import type { CurveCache } from './replica.ts'
import { type Request, screen, type Screened } from './screen.ts'
import { hasKernel, type Pinned } from './settings.ts'

/** A request that can be planned, and what had to give. */
export interface Repaired {
  readonly request: Request
  readonly reasons: readonly string[]
}

/** Lets go of what was asked for and cannot be: each with its reason. */
export function repair(request: Request): Repaired {
  const reasons: string[] = []
  let pinned = request.pinned
  for (const group of request.fleet) {
    const before = pinned
    pinned = withWeights(request, group, pinned, reasons)
    pinned = withRanks(request, group, pinned, reasons)
    pinned = withKv(group, pinned, reasons)
    if (pinned !== before) break
  }
  pinned = withEngines(request, pinned, reasons)
  const { contextMax } = request.model
  if ((pinned.contextMax ?? 0) > contextMax) {
    reasons.push(
      `${request.model.name} was made for ${contextMax} tokens, not ${pinned.contextMax}`,
    )
    pinned = { ...pinned, contextMax }
  }
  const { inputTokens, outputTokens } = request.workload
  const tokens = inputTokens.mean + outputTokens.mean
  if (tokens > contextMax)
    reasons.push(
      `a request of ${tokens} tokens is longer than the ${contextMax} that ${request.model.name} reaches: it will be cut`,
    )
  const burdens = sensible(request, reasons)
  const sane = burdens === undefined ? request : { ...request, burdens }
  return { request: withBurdens({ ...sane, pinned }, reasons), reasons }
}

/** What would be kept elsewhere has to be somewhere else, and there. */
function sensible(
  { model, fleet, burdens }: Request,
  reasons: string[],
): readonly Burden[] | undefined {
  const isProcessor = fleet.every(({ device }) => device.architecture === 'cpu')
  return burdens?.filter(({ setting }) => {
    if (setting?.kind !== 'offload') return true
    const why =
      setting.what === 'experts' && !model.moe
        ? `${model.name} has no experts to keep elsewhere`
        : isProcessor && setting.where !== 'nvme'
          ? 'what a processor works on is in host memory already'
          : null
    if (why !== null) reasons.push(`${why}: planned without`)
    return why === null
  })
}

/** Whether an engine runs this kind of model on some of these devices. */
const runsHere =
  ({ model, fleet }: Request) =>
  ({ capabilities }: EngineModel): boolean =>
    capabilities.kinds.includes(model.kind) &&
    fleet.some(({ device }) => capabilities.vendors.includes(device.vendor))

const namesOf = (engines: readonly EngineModel[]): string =>
  engines.map(({ name }) => name).join(', ')

/** Engines that run neither on these devices nor this kind of model give way to others that do. */
function withEngines(request: Request, pinned: Pinned, reasons: string[]): Pinned {
  const { model, fleet, standIns = [] } = request
  if (pinned.engines.some(runsHere(request))) return pinned
  const devices = fleet.map(({ device }) => device.name).join(', ')
  const others = standIns.filter(runsHere(request))
  reasons.push(
    `${namesOf(pinned.engines)} does not run ${model.name} on ${devices}${others.length > 0 ? `; nearest: ${namesOf(others)}` : ''}`,
  )
  return others.length > 0 ? { ...pinned, engines: others } : pinned
}

/** What no engine at hand can be told goes, with the reason; another engine comes first. */
function withBurdens(request: Request, reasons: string[]): Request {
  const { burdens = [], pinned, standIns = [] } = request
  const borneBy = (engine: EngineModel) => burdens.filter((burden) => bears(engine, burden))
  const bearsAll = (engine: EngineModel) => borneBy(engine).length === burdens.length
  // Where none runs on these devices, others are looked for: what the engines can be told goes along.
  const here = pinned.engines.filter(runsHere(request))
  const able = here.length > 0 ? here : pinned.engines
  if (burdens.length === 0 || able.length === 0 || able.some(bearsAll)) return request
  const others = standIns.filter(runsHere(request)).filter(bearsAll)
  if (others.length > 0) {
    const beyond = burdens.filter((burden) => !able.some((engine) => bears(engine, burden)))
    const what = (beyond.length > 0 ? beyond : burdens).map(({ name }) => name).join(' and ')
    reasons.push(`${namesOf(able)} can't be told of ${what}; nearest: ${namesOf(others)}`)
    return { ...request, pinned: { ...pinned, engines: others } }
  }
  const kept = able.map(borneBy).reduce((most, one) => (one.length > most.length ? one : most))
  const gone = burdens.filter((burden) => !kept.includes(burden)).map(({ name }) => name)
  reasons.push(`no engine here can be told of ${gone.join(', ')} as well: planned without`)
  return { ...request, burdens: kept }
}

function withWeights(
  { model, minQuality }: Request,
  { device }: DeviceGroup,
  pinned: Pinned,
  reasons: string[],
): Pinned {
  const { weights } = pinned
  if (weights === undefined || hasKernel(device, weights)) return pinned
  const { weights: _weights, ...rest } = pinned
  const nearest = weightChoices(model, device).findLast((one) =>
    isGoodEnough(qualityOf(model, one, 'bf16'), minQuality),
  )
  reasons.push(`${device.name} does not multiply ${weights}; nearest: ${nearest ?? 'what it does'}`)
  return nearest === undefined ? rest : { ...rest, weights: nearest }
}

function withKv({ device }: DeviceGroup, pinned: Pinned, reasons: string[]): Pinned {
  if (pinned.kvPrecision !== 'fp8' || device.tflops.fp8 !== null) return pinned
  reasons.push(`${device.name} has no FP8 units for an FP8 cache; nearest: bf16`)
  return { ...pinned, kvPrecision: 'bf16' }
}

function withRanks(
  { model }: Request,
  { count }: DeviceGroup,
  pinned: Pinned,
  reasons: string[],
): Pinned {
  const { tp = 1, pp = 1, dp = 1 } = pinned
  const fitsFleet = tp * pp * dp * (pinned.replicas ?? 1) <= count
  const why = divides(model, { tp, pp, dp })
  if (why === null && fitsFleet) return pinned
  const { tp: _tp, pp: _pp, dp: _dp, ep: _ep, replicas: _replicas, ...rest } = pinned
  if (why === null) {
    reasons.push(
      `${tp * pp * dp * (pinned.replicas ?? 1)} devices are asked for, ${count} are there`,
    )
    return rest
  }
  // The largest number of tensor ranks below the one asked for that does divide.
  const nearest = Array.from({ length: tp }, (_, at) => tp - at).find(
    (size) => divides(model, { tp: size, pp: 1, dp: 1 }) === null,
  )
  reasons.push(`${why}; nearest: ${nearest}`)
  return pinned.tp === undefined || nearest === undefined ? rest : { ...rest, tp: nearest }
}

/** What was found for a request that holds nothing, by giving way one step at a time. */
export interface Relaxed extends Screened {
  readonly request: Request
  readonly reasons: readonly string[]
}

/** Nothing fits: lower precision, then any engine and layout, then more devices, then other devices. */
export function relax(
  request: Request,
  others: readonly DeviceGroup[],
  curves: CurveCache,
): Relaxed | null {
  const reasons = [tooLarge(request)]
  const engines = [...new Set([...request.pinned.engines, ...(request.standIns ?? [])])]
  const free: Pinned = { engines }
  for (const attempt of attempts(request, free, others)) {
    const found = screen(attempt.request, curves)
    if (found.candidates.length === 0) continue
    const isElsewhere = attempt.request.fleet !== request.fleet
    const here = isElsewhere
      ? [
          ...fewerAdapters(request, curves).map(({ told }) => told),
          ...onHand(request, free, curves),
        ]
      : []
    return { ...found, request: attempt.request, reasons: [...reasons, attempt.gave, ...here] }
  }
  const [fewer] = fewerAdapters(request, curves)
  return fewer
    ? { ...fewer.found, request: fewer.request, reasons: [...reasons, `nearest: ${fewer.told}`] }
    : null
}

interface Fewer {
  readonly request: Request
  readonly found: Screened
  readonly told: string
}

/** The most adapters that find room on what is there: halved until they do. */
function fewerAdapters(request: Request, curves: CurveCache): readonly Fewer[] {
  const { burdens = [] } = request
  const setting = burdens.find((one) => one.setting?.kind === 'adapters')?.setting
  if (setting?.kind !== 'adapters') return []
  const { rank } = setting
  for (let count = setting.count >> 1; count >= 1; count >>= 1) {
    const own = burdens.map((one) =>
      one.setting?.kind === 'adapters' ? adapterBurden({ count, rank }) : one,
    )
    const fewer = { ...request, burdens: own }
    const found = screen(fewer, curves)
    if (found.candidates.length === 0) continue
    const told = `on what is there: --lora ${count}:${rank} at once; engines fetch the others from host memory when somebody asks for them`
    return [{ request: fewer, found, told }]
  }
  return []
}

/** What the devices that are there can do with a part of the weights in host memory: slow, but at once. */
function onHand(request: Request, free: Pinned, curves: CurveCache): string[] {
  for (const share of [0.2, 0.4, 0.6, 0.8, 0.95]) {
    const burden = offloadBurden({ what: 'weights', where: 'host', share })
    const burdens = [...(request.burdens ?? []), burden]
    const slow = { ...request, minQuality: 0, slo: [], rateRps: null, pinned: free, burdens }
    const [best] = screen({ ...slow, objective: 'latency' }, curves).candidates
    if (!best) continue
    const { engine, weights } = best.settings
    return [
      `on what is there: --offload weights:${share} --weights ${weights} with ${engine}, ${Math.round(best.operating.tpot.mean)} ms a token`,
    ]
  }
  return []
}

interface Attempt {
  readonly request: Request
  readonly gave: string
}

function* attempts(
  request: Request,
  free: Pinned,
  others: readonly DeviceGroup[],
): Generator<Attempt> {
  yield {
    request: { ...request, minQuality: 0 },
    gave: 'nearest: weights of lower precision, whose loss of quality is named beside them',
  }
  const short = { ...free, contextMax: Math.min(4096, request.model.contextMax) }
  yield {
    request: { ...request, minQuality: 0, pinned: short },
    gave: 'nearest: without the engine settings that were asked for, lower precision, and a shorter context',
  }
  for (const minQuality of [request.minQuality, 0])
    for (const factor of [2, 4, 8, 16, 32, 64]) {
      const fleet = request.fleet.map((group) => ({ ...group, count: group.count * factor }))
      yield {
        request: { ...request, minQuality, fleet, pinned: free },
        gave: `nearest: ${fleet.map((group) => `${group.count} × ${groupName(group)}`).join(' or ')}`,
      }
    }
  for (const group of others)
    yield {
      request: { ...request, minQuality: 0, fleet: [group], pinned: free },
      gave: `nearest: ${group.count} × ${group.device.name}, other devices than those asked for`,
    }
}

function tooLarge({ model, fleet, pinned, burdens = [] }: Request): string {
  const told = fleet.map((group) => {
    const has = `${group.count} × ${(group.device.memoryBytes / 1e9).toFixed(0)} GB`
    const laid = copies(model, group, pinned)
    const runs = laid.filter((copy) => pinned.engines.some((engine) => canRun(engine, copy)))
    const of = runs.length > 0 ? runs : laid
    if (of.length === 0)
      return `${group.device.name}: no way to divide the model over ${group.count}`
    if (runs.length === 0) return `no engine asked for runs ${model.name} on ${group.device.name}`
    const least = of
      .map(({ layout, ranks }) => ({
        weights: weightBytesPerDevice(layout) * ranks,
        beside: burdenBytes(burdens, layout) * ranks,
      }))
      .reduce((a, b) => (a.weights + a.beside <= b.weights + b.beside ? a : b))
    const beside =
      least.beside > 0
        ? `, ${(least.beside / 1e9).toFixed(1)} GB for ${burdens.map(({ name }) => name).join(', ')}`
        : ''
    const weights = least.weights + Math.min(0, least.beside)
    return `${group.device.name}: ${(weights / 1e9).toFixed(1)} GB of weights at the least${beside} and a cache for one sequence, on ${has}`
  })
  return `${model.name} does not fit: ${told.join('; ')}`
}
