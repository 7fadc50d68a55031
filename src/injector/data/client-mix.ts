import { AppError } from '../../core/errors.ts'
import type { Client, ClientMix, RateCurve } from '../policy/arrivals/client-mix.ts'
import { cellText, readTable, type Row } from './table.ts'

/**
 * Clients of a file, a row each: `client`, `mean_rps_active` or `rate`, `cv_med` or `cv`, and ServeGen's `gamma_windows` and
 * `weibull_windows`, or `law`. `ratesPath`: `t_s` and `rate_rps`, the rate of all over time. Error: `injection/bad-data`.
 */
export function readClientMix(path: string, ratesPath: string | null): ClientMix {
  const clients = readTable(path)
    .map(clientOf)
    .filter(({ weight }) => weight > 0)
  if (clients.length === 0)
    throw new AppError('injection/bad-data', {
      message: `${path} holds no clients with a rate`,
      hint: 'Its columns are client, rate and cv, or those of ServeGen.',
    })
  return { clients, curve: ratesPath === null ? null : readCurve(ratesPath) }
}

function clientOf(row: Row, index: number): Client {
  // ServeGen gives the rate while a client is active, and how often that was.
  const rate = numberIn(row, 'rate', 'mean_rps_active', 'weight') ?? 0
  const windows = numberIn(row, 'active_windows') ?? 1
  const weibull = (numberIn(row, 'weibull_windows') ?? 0) > (numberIn(row, 'gamma_windows') ?? 0)
  return {
    name: cellText(row['client'] ?? index),
    weight: Math.max(0, rate * windows),
    cv: Math.min(50, Math.max(0.05, numberIn(row, 'cv', 'cv_med') ?? 1)),
    law: row['law'] === 'weibull' || weibull ? 'weibull' : 'gamma',
  }
}

function readCurve(path: string): RateCurve {
  const steps = readTable(path)
    .flatMap((row) => {
      const atS = numberIn(row, 't_s', 'time', 'timestamp')
      const rate = numberIn(row, 'rate_rps', 'rate')
      return atS === null || rate === null || rate < 0 ? [] : [{ atMs: atS * 1000, rate }]
    })
    .toSorted((a, b) => a.atMs - b.atMs)
  const mean = steps.reduce((sum, { rate }) => sum + rate, 0) / steps.length
  if (!(mean > 0))
    throw new AppError('injection/bad-data', {
      message: `${path} holds no rates over time`,
      hint: 'Its columns are t_s and rate_rps.',
    })
  return {
    timesMs: steps.map(({ atMs }) => atMs),
    factors: steps.map(({ rate }) => rate / mean),
  }
}

function numberIn(row: Row, ...names: string[]): number | null {
  for (const name of names) {
    const value = row[name]
    if (value === undefined || value === '') continue
    const number = Number(value)
    if (Number.isFinite(number)) return number
  }
  return null
}
