import { AppError } from '../../../core/errors.ts'
import { nearest } from '../../../core/nearest.ts'
import { parseDurationMs } from '../../../core/units.ts'
import type { ArrivalParameter, ArrivalParameters, ArrivalProcess } from './arrival-process.ts'
import { arrivalProcesses } from './index.ts'

/** "gamma:cv=3" → the process and all its parameters. Error: `injection/bad-spec`. */
export function parseArrivals(text: string): {
  arrivals: ArrivalProcess
  parameters: ArrivalParameters
} {
  const [name = '', rest = ''] = text.split(/:(.*)/s)
  const arrivals = findArrivals(name)
  const given = parsePairs(rest)
  for (const key of given.keys())
    if (!(key in arrivals.parameters))
      throw bad(
        `${arrivals.name} has no parameter "${key}"`,
        `It has ${Object.keys(arrivals.parameters).join(', ') || 'none'}.`,
      )
  const parameters = Object.entries(arrivals.parameters).map(([key, parameter]) => {
    const value = given.get(key)
    return [key, value === undefined ? parameter.default : parseValue(key, value, parameter)]
  })
  return { arrivals, parameters: Object.fromEntries(parameters) as ArrivalParameters }
}

function findArrivals(name: string): ArrivalProcess {
  const found = arrivalProcesses.find((candidate) => candidate.name === name)
  if (found) return found
  const names = arrivalProcesses.map((candidate) => candidate.name)
  const meant = nearest(name, names)
  throw bad(
    `there is no arrival process "${name}"`,
    meant === null ? `One of ${names.join(', ')}.` : `Did you mean ${meant}?`,
  )
}

/** "a=1,b=2" → pairs. */
export function parsePairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>()
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const [key = '', value] = part.split(/=(.*)/s)
    if (value === undefined) throw bad(`"${part}" has no value`, 'Write it like cv=3.')
    pairs.set(key.trim(), value.trim())
  }
  return pairs
}

function parseValue(key: string, text: string, parameter: ArrivalParameter): number | string {
  if (parameter.kind === 'choice') {
    if (parameter.choices?.includes(text)) return text
    throw bad(`${key} is one of ${parameter.choices?.join(', ')}, not "${text}"`)
  }
  const value = parameter.kind === 'duration' ? durationOf(key, text) : Number(text)
  const { min = -Infinity, max = Infinity } = parameter
  if (text === '' || !Number.isFinite(value) || value < min || value > max)
    throw bad(`${key} is a number from ${min} to ${max}, not "${text}"`)
  return value
}

function durationOf(key: string, text: string): number {
  try {
    return parseDurationMs(text)
  } catch {
    throw bad(`${key} is a duration like 500ms, 30s or 10m, not "${text}"`)
  }
}

const bad = (message: string, hint?: string): AppError =>
  new AppError('injection/bad-spec', hint === undefined ? { message } : { message, hint })
