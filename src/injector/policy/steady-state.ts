import type { SteadyState } from '../../contract/injection-summary.ts'
import { tpotMs } from './measurement/latency.ts'
import type { RequestRecord } from './measurement/record.ts'
import { meanInFlight, type Window } from './measurement/window.ts'
import { quantile, sortSamples } from './statistics/quantiles.ts'
import { levelShift, slope, startUpLength, trendChance } from './statistics/trend.ts'

/** Parts a window is cut into, at most; each holds a request or two at least. */
const binsMax = 60
const binsMin = 20
const alpha = 0.01

/**
 * Whether the window shows one lasting state. TTFT varies too much to tell; the number in flight and the pace of
 * tokens (TPOT) tell. `no steady state` is a result: the mean of such a run is the mean of nothing.
 */
export function judgeSteadyState(records: readonly RequestRecord[], window: Window): SteadyState {
  const bins = Math.min(binsMax, Math.floor(records.length / 2))
  if (bins < binsMin)
    return {
      verdict: 'too short',
      reason: `${records.length} requests; ${2 * binsMin} are needed`,
      fromMs: null,
      isSaturated: false,
    }
  const widthMs = (window.toMs - window.fromMs) / bins
  const windows = Array.from({ length: bins }, (_, index) => ({
    fromMs: window.fromMs + index * widthMs,
    toMs: window.fromMs + (index + 1) * widthMs,
  }))
  const inFlight = windows.map((part) => meanInFlight(records, part))
  const pace = windows
    .map(({ fromMs, toMs }) =>
      quantile(
        sortSamples(
          records
            .filter((record) => record.intendedMs >= fromMs && record.intendedMs < toMs)
            .map(tpotMs),
        ),
        0.5,
      ),
    )
    .filter((value) => !Number.isNaN(value))

  const isSaturated = isRising(inFlight)
  const start = Math.max(startUpLength(inFlight), startUpLength(pace))
  const result = (verdict: SteadyState['verdict'], reason: string): SteadyState => ({
    verdict,
    reason,
    fromMs: verdict === 'steady' ? window.fromMs + start * widthMs : null,
    isSaturated,
  })
  if (isSaturated)
    return result(
      'no steady state',
      'ever more requests in flight: more load than the server can take',
    )
  const drift = trendChance(pace.slice(start))
  if (drift < alpha)
    return result('no steady state', `TPOT drifts (chance without drift ${drift.toExponential(1)})`)
  const shift = levelShift(inFlight.slice(start))
  if (shift.chance < alpha / 10)
    return result(
      'no steady state',
      `the number in flight changes its level after ${Math.round(((start + shift.at) * widthMs) / 1000)} s`,
    )
  return result('steady', 'no trend and no change of level')
}

/**
 * Growth that chance does not explain (the slope's interval excludes 0, and so does the rank test) and that matters:
 * the last third holds half as many again as the first.
 */
function isRising(inFlight: readonly number[]): boolean {
  const { slope: perBin, halfWidth } = slope(inFlight)
  if (perBin <= 0 || halfWidth / perBin >= 1 || trendChance(inFlight) >= alpha) return false
  const third = Math.floor(inFlight.length / 3)
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  return mean(inFlight.slice(-third)) > 1.5 * mean(inFlight.slice(0, third)) + 1
}
