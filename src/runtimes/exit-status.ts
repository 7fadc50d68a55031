import { constants } from 'node:os'

/** How a process ended. */
export interface ExitStatus {
  readonly exitCode: number | null
  readonly signal: string | null
}

/** Containers say 128 and the number of the signal. */
export function exitStatus(code: number, signal = 0): ExitStatus {
  const number = signal > 0 ? signal : code > 128 && code <= 128 + signalMax ? code - 128 : 0
  return number > 0
    ? { exitCode: null, signal: names.get(number) ?? `signal ${number}` }
    : { exitCode: code, signal: null }
}

const signalMax = 64
const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))
