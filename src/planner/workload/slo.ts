import { AppError } from '../../core/errors.ts'
import { parseDurationMs } from '../../core/units.ts'

export const latencyFigures = ['ttft', 'tpot', 'e2e'] as const
export type LatencyFigure = (typeof latencyFigures)[number]
export const statistics = ['mean', 'p50', 'p95', 'p99'] as const
export type Statistic = (typeof statistics)[number]

/** One limit: a statistic of a latency stays at or below it. */
export interface SloTarget {
  readonly figure: LatencyFigure
  readonly statistic: Statistic
  readonly limitMs: number
}

/** A statistic of a latency, without a limit. */
export type LatencyAim = Pick<SloTarget, 'figure' | 'statistic'>

/** "ttft.p95" or "e2e": p95 where no statistic stands. Errors: `planner/bad-request`. */
export function parseAim(text: string): LatencyAim {
  const [figure = '', statistic = 'p95'] = text.trim().toLowerCase().split('.')
  const found = latencyFigures.find((one) => one === figure)
  const of = statistics.find((one) => one === statistic)
  if (!found || !of)
    throw bad(
      `"${text}" is no latency; write it like ttft.p95 or e2e.mean, of ${latencyFigures.join(', ')} with ${statistics.join(', ')}`,
    )
  return { figure: found, statistic: of }
}

/** "ttft.p95=500ms,tpot.p95=50ms": p95 where no statistic stands. Errors: `planner/bad-request`. */
export function parseSlo(text: string): SloTarget[] {
  const targets = text.split(',').map((part) => {
    const match = /^\s*(ttft|tpot|e2e)(?:\.(mean|p50|p95|p99))?\s*=\s*(\S+)\s*$/i.exec(part)
    if (!match)
      throw bad(
        `"${part.trim()}" is no limit; write it like ttft.p95=500ms, of ${latencyFigures.join(', ')} with ${statistics.join(', ')}`,
      )
    const limitMs = durationOf(match[3] ?? '')
    if (!(limitMs > 0)) throw bad(`"${part.trim()}": a limit is longer than nothing`)
    return {
      figure: (match[1] ?? '').toLowerCase() as LatencyFigure,
      statistic: (match[2] ?? 'p95').toLowerCase() as Statistic,
      limitMs,
    }
  })
  // Whoever says one twice means the last.
  return [...new Map(targets.map((target) => [sloName(target), target])).values()]
}

export const sloName = ({ figure, statistic }: SloTarget): string => `${figure}.${statistic}`

/** "12/s", "90/m", "1000/h" or a bare number a second. */
export function parseRate(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:\/\s*(s|m|min|h)|rps)?\s*$/i.exec(text)
  const perSecond =
    Number(match?.[1]) / ({ m: 60, min: 60, h: 3600 }[match?.[2]?.toLowerCase() ?? ''] ?? 1)
  if (!(perSecond > 0) || !Number.isFinite(perSecond))
    throw bad(`"${text}" is no rate; write it like 12/s or 90/m`)
  return perSecond
}

function durationOf(text: string): number {
  try {
    return parseDurationMs(text)
  } catch (cause) {
    throw bad((cause as Error).message)
  }
}

const bad = (message: string) => new AppError('planner/bad-request', { message })
