import { AppError } from '../../core/errors.ts'
import { electricity } from './ownership.ts'

/** A place where devices stand: a cluster, a region, a cellar. */
export interface Site {
  /** On the way there and back, added to every first token. */
  readonly latencyMs: number
  /** The most that may be spent there; null: no limit. */
  readonly usdPerHourMax: number | null
  readonly pue: number
  readonly gramsCo2PerKwh: number
  /** Where `pue` and `gramsCo2PerKwh` come from. */
  readonly source: string
}

/** Sites by name; '' is any that is not named. */
export type Sites = ReadonlyMap<string, Site>

export const averageSite: Site = {
  latencyMs: 0,
  usdPerHourMax: null,
  pue: electricity.pue,
  gramsCo2PerKwh: electricity.gramsCo2PerKwh,
  source: `PUE ${electricity.pue}: ${electricity.pueSource}; ${electricity.gramsCo2PerKwh} g CO₂/kWh: ${electricity.gramsSource}`,
}

export const siteOf = (sites: Sites | undefined, cluster: string | undefined): Site =>
  sites?.get(cluster ?? '') ?? sites?.get('') ?? averageSite

const keys = ['latencyMs', 'usdPerHourMax', 'pue', 'gramsCo2PerKwh'] as const

/**
 * Reads the part `clusters` of a price file: `{ "eu": { "latencyMs": 40, "usdPerHourMax": 20, "pue": 1.2,
 * "gramsCo2PerKwh": 60 }, "": { … } }`. Errors: `planner/bad-request`.
 */
export function readSites(json: unknown): Sites {
  if (json === undefined) return new Map()
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw bad('clusters is one object, by name')
  return new Map(
    Object.entries(json).map(([name, given]) => {
      if (typeof given !== 'object' || given === null) throw bad(`cluster ${name}: an object`)
      for (const [key, value] of Object.entries(given)) {
        if (!(keys as readonly string[]).includes(key))
          throw bad(`cluster ${name}: "${key}" is none of ${keys.join(', ')}`)
        if (typeof value !== 'number' || !(value >= 0) || (key === 'pue' && value < 1))
          throw bad(`cluster ${name}: ${key} is no number that makes sense`)
      }
      const told = given as Partial<Record<(typeof keys)[number], number>>
      const isOwn = told.pue !== undefined && told.gramsCo2PerKwh !== undefined
      return [
        name,
        { ...averageSite, ...told, source: isOwn ? 'your price file' : averageSite.source },
      ]
    }),
  )
}

const bad = (message: string) => new AppError('planner/bad-request', { message })
