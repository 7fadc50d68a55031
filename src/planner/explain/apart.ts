import { type Disaggregated, gainOver, sidesText } from '../disaggregation/disaggregate.ts'
import { publishedBars } from '../load/published-bars.ts'
import type { Plan } from '../search/plan.ts'
import type { Rehearsal } from '../search/rehearsal.ts'
import { type Estimate, tail, type TailEstimate } from './figures.ts'

/** Prompts and decoding on replicas of their own, beside the recommendation that keeps them together. */
export interface ApartReport {
  readonly sides: string
  readonly prefill: SideReport
  readonly decode: SideReport
  readonly devices: number
  readonly transferMs: number
  readonly requestsPerSecond: number
  readonly mostRps: number
  readonly meetsSlo: boolean
  readonly ttftMs: TailEstimate
  readonly tpotMs: TailEstimate
  readonly e2eMs: TailEstimate
  readonly usdPerMillionTokens: number | null
  /** By the objective, over the first configuration: 0.2 is a fifth better, less than 0 is worse. */
  readonly gain: number | null
  readonly rehearsed: Rehearsal | null
}

interface SideReport {
  readonly settings: Disaggregated['prefill']['candidate']['settings']
  readonly replicas: number
  /** Share of the time, or of the places, that is in use. */
  readonly busy: Estimate['value']
}

export function apartReport(
  { request, candidates }: Plan,
  found: Disaggregated,
  rehearsed: Rehearsal | null,
): ApartReport {
  const { prefill, decode, engine } = found
  const bars = publishedBars({ layout: decode.candidate.copy.layout, engine }, 'decoding')
  const [best] = candidates
  const side = ({ candidate, replicas, busy }: typeof prefill): SideReport => ({
    settings: { ...candidate.settings, replicas, devices: replicas * candidate.copy.ranks },
    replicas,
    busy: round(busy),
  })
  return {
    sides: sidesText(found),
    prefill: side(prefill),
    decode: side(decode),
    devices: found.devices,
    transferMs: round(found.transferMs),
    requestsPerSecond: round(found.servedRps),
    mostRps: round(found.mostRps),
    meetsSlo: found.meetsSlo,
    ttftMs: tail(found.ttft, bars.ttft),
    tpotMs: tail(found.tpot, bars.tpot),
    e2eMs: tail(found.e2e, bars.e2e),
    usdPerMillionTokens:
      found.usdPerMillionTokens === null ? null : round(found.usdPerMillionTokens),
    gain: best ? round(gainOver(found, best, request.objective)) : null,
    rehearsed,
  }
}

const round = (value: number): number => Number(value.toPrecision(4))
