import { AppError } from '../../core/errors.ts'
import type { Accelerator } from '../accelerator.ts'

/** A device that was bought, with its share of the machine around it. */
export interface Ownership {
  readonly priceUsd: number
  /** Years until it has paid for itself. */
  readonly years: number
  readonly usdPerKwh: number
  /** Power of the data centre over power of the machines. */
  readonly pue: number
  readonly gramsCo2PerKwh: number
}

/** Where the user says nothing: world averages. */
export const electricity = {
  pue: 1.56,
  pueSource: 'Uptime Institute global survey 2024',
  gramsCo2PerKwh: 480,
  gramsSource: 'Ember, Global Electricity Review 2024 (world, 2023)',
} as const

const hoursPerYear = 8760

/** Amortisation and power at the rated draw. */
export const ownedUsdPerHour = (own: Ownership, { tdpW }: Accelerator): number =>
  own.priceUsd / (own.years * hoursPerYear) + ((tdpW ?? 0) / 1e3) * own.pue * own.usdPerKwh

/** Hours of renting after which buying was cheaper; null where it never is. */
export function breakEvenHours(
  own: Ownership,
  device: Accelerator,
  rentUsdPerHour: number,
): number | null {
  const running = ((device.tdpW ?? 0) / 1e3) * own.pue * own.usdPerKwh
  return rentUsdPerHour > running ? own.priceUsd / (rentUsdPerHour - running) : null
}

export function readOwnership(name: string, json: unknown): Ownership {
  const given = json as Readonly<Record<string, unknown>> | null
  const number = (key: string, fallback: number | null): number => {
    const value = given?.[key] ?? fallback
    if (
      typeof value !== 'number' ||
      !(value >= 0 && Number.isFinite(value)) ||
      (key === 'years' && value === 0)
    )
      throw new AppError('planner/bad-request', { message: `${name}: owned needs ${key}` })
    return value
  }
  return {
    priceUsd: number('priceUsd', null),
    years: number('years', 4),
    usdPerKwh: number('usdPerKwh', null),
    pue: number('pue', electricity.pue),
    gramsCo2PerKwh: number('gramsCo2PerKwh', electricity.gramsCo2PerKwh),
  }
}
