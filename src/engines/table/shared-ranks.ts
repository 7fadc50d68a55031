import { orElse } from '../settings-said.ts'
import { flag, type Rule } from './rule.ts'

/** The flag of tensor ranks where attention's copies are some of them: it counts both. */
export const sharedRanks = (name: string): Rule =>
  flag('tensorParallel', name, (ranks, { settings }) => ranks * orElse(settings.dataParallel, 1))
