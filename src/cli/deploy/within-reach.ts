import type { Candidate } from '../../planner/search/candidate.ts'
import type { Plan } from '../../planner/search/plan.ts'
import { splitRate } from '../../planner/search/split.ts'
import type { FleetChoice } from './choose-fleet.ts'
import { roomFor } from './free-devices.ts'

/**
 * Without what finds no room on the nodes, each replica within one of them, or has no engine where the devices are: the
 * planner counts devices and knows of no nodes.
 */
export function withinReach(found: Plan, { groups }: FleetChoice): Plan {
  if (groups.length === 0) return found
  const problemOf = ({ settings }: Pick<Candidate, 'settings'>): string | null => {
    const group = groups.find(({ name }) => name === settings.device)
    if (!group) return 'no node has such devices free'
    if (!group.engines.has(settings.engine))
      return `${settings.engine} can't be started where ${group.device} is`
    const each = settings.devices / settings.replicas
    const most = Math.max(...group.free)
    if (each > most) return `no node has more than ${most} × ${group.device} free`
    const room = roomFor(group, each)
    return room >= settings.replicas
      ? null
      : `replicas of ${each} × ${group.device} find room ${room} times, one node each`
  }
  const candidates = found.candidates.filter((one) => problemOf(one) === null)
  const reasons = found.candidates.flatMap((one) => problemOf(one) ?? [])
  const parts = splitRate(found.request, candidates)
  const split = parts.every(({ candidate: { settings }, replicas }) => {
    const devices = (settings.devices / settings.replicas) * replicas
    return problemOf({ settings: { ...settings, replicas, devices } }) === null
  })
    ? parts
    : []
  if (candidates.length === found.candidates.length && split.length === found.split.length)
    return found
  const isKept = found.status === 'meets' && (candidates[0]?.meetsSlo === true || split.length > 1)
  const status = isKept ? 'meets' : candidates.length > 0 ? 'nearest' : 'impossible'
  return {
    ...found,
    status,
    candidates,
    split,
    reasons: [...found.reasons, ...new Set(isKept ? [] : reasons)],
  }
}
