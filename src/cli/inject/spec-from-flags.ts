import type { InjectionSpec, LengthSpec, Slo } from '../../contract/injection-spec.ts'
import { parseCount, parseDurationMs } from '../../core/units.ts'
import { parseArrivals, parsePairs } from '../../injector/policy/arrivals/parse-arrivals.ts'
import { completeSpec } from '../../injector/policy/default-spec.ts'
import { parseLength } from '../../injector/policy/workload/lengths.ts'
import { sloPresets, workloads } from '../../injector/policy/workload/presets.ts'
import { usageError } from '../command.ts'
import type { SpecFlags } from './inject-flags.ts'

/** Flags → spec. `models` are what `--model` or the server named. Errors: `cli/usage`, `injection/bad-spec`. */
export function specFromFlags(
  flags: SpecFlags,
  url: string,
  models: readonly { name: string; weight: number }[],
  /** Where the flags name none. */
  freshSeed: number,
): InjectionSpec {
  const preset = flags.workload === undefined ? undefined : workloads[flags.workload]
  const input = lengthOf(flags['input-tokens']) ?? preset?.inputTokens
  const output = lengthOf(flags['output-tokens']) ?? preset?.outputTokens
  const [inputPrice = 0, outputPrice = inputPrice] = (flags.price ?? '')
    .split(',')
    .filter(Boolean)
    .map((text) => numberOf('--price', text))
  const base = completeSpec({})
  const given = <T>(value: T | undefined, fallback: T): T => value ?? fallback
  if (flags['max-cost'] !== undefined && flags.price === undefined)
    throw usageError('--max-cost needs --price INPUT,OUTPUT')
  return completeSpec({
    url,
    endpoint: (flags.endpoint ?? 'chat') as InjectionSpec['endpoint'],
    models: [...models],
    load: loadOf(flags),
    durationMs: atLeast('--duration', given(flags.duration, base.durationMs), 1),
    warmupMs: given(flags.warmup, 0),
    graceMs: given(flags.grace, base.graceMs),
    requestsMax:
      flags.requests === undefined ? null : atLeast('--requests', parseCount(flags.requests), 1),
    seed: flags.seed ?? freshSeed,
    workers: atLeast('--workers', given(flags.workers, base.workers), 1),
    slo: parseSlo(flags.slo),
    workload: {
      ...(input ? { inputTokens: input } : {}),
      ...(output ? { outputTokens: output } : {}),
      sharedPrefix: sharedPrefixOf(flags['shared-prefix']),
      turns: atLeast('--turns', given(flags.turns, 1), 1),
      clients:
        flags.clients === undefined
          ? null
          : { path: flags.clients, ratesPath: flags['rate-curve'] ?? null },
      sessions: flags.sessions === undefined ? null : { path: flags.sessions, columns: {} },
      answers: flags.answers ?? base.workload.answers,
      images: imagesOf(flags.images),
      toolResults: toolResultsOf(flags['tool-results']),
      thinkTimeMs: given(flags.think, 0),
      dataset:
        flags.dataset === undefined ? null : { path: flags.dataset, columns: columnsOf(flags) },
      trace:
        flags.trace === undefined
          ? null
          : {
              path: flags.trace,
              columns: columnsOf(flags),
              fromMs: given(flags['trace-from'], 0),
              toMs: flags['trace-to'] ?? null,
            },
    },
    request: {
      isStreaming: !flags['no-stream'],
      ignoresEos: flags['ignore-eos'],
      temperature:
        flags.temperature === undefined ? null : numberOf('--temperature', flags.temperature),
      extraBody: bodyOf(flags.body),
      hasDoneMarker: !flags['no-done'],
    },
    timeouts: {
      connectMs: given(flags['connect-timeout'], base.timeouts.connectMs),
      ttftMs: given(flags['ttft-timeout'], base.timeouts.ttftMs),
      stallMs: given(flags['stall-timeout'], base.timeouts.stallMs),
      totalMs: given(flags['total-timeout'], base.timeouts.totalMs),
    },
    limits: {
      inFlightMax: atLeast('--in-flight', given(flags['in-flight'], base.limits.inFlightMax), 1),
      tokensMax: flags['max-tokens'] === undefined ? null : parseCount(flags['max-tokens']),
      costMax: flags['max-cost'] === undefined ? null : numberOf('--max-cost', flags['max-cost']),
      inputPricePerMillion: inputPrice,
      outputPricePerMillion: outputPrice,
    },
  })
}

/** "big=3" → a model that gets three times the requests of one with weight 1. */
export function parseModel(text: string): { name: string; weight: number } {
  const match = /^(.+)=(\d+(?:\.\d+)?)$/.exec(text)
  return match ? { name: match[1]!, weight: Number(match[2]) } : { name: text, weight: 1 }
}

/** "ttft=2s,tpot=100ms", or the name of a preset. */
function parseSlo(text: string | undefined): Slo {
  if (text === undefined) return {}
  const preset = sloPresets[text]
  if (preset) return preset
  const names: Record<string, keyof Slo> = {
    ttft: 'ttftMs',
    tpot: 'tpotMs',
    e2e: 'e2eMs',
    stall: 'maxStallMs',
  }
  const limits: Slo = {}
  for (const [name, value] of parsePairs(text)) {
    const key = names[name]
    if (key === undefined) throw usageError(`--slo has ttft, tpot, e2e and stall, not "${name}"`)
    limits[key] = parseDurationMs(value)
  }
  return limits
}

function loadOf(flags: SpecFlags): InjectionSpec['load'] {
  if (flags.users !== undefined) {
    if (flags.rate !== undefined || flags.arrivals !== undefined)
      throw usageError('--users is a closed loop; --rate and --arrivals are an open one: choose')
    return {
      kind: 'closed',
      users: atLeast('--users', flags.users, 1),
      thinkTimeMs: flags.think ?? 0,
      rampMs: flags.ramp ?? 1000,
    }
  }
  const arrivals =
    flags.arrivals ??
    (flags.clients !== undefined ? 'clients' : flags.trace !== undefined ? 'trace' : 'poisson')
  if (flags['rate-curve'] !== undefined && flags.clients === undefined)
    throw usageError('--rate-curve needs --clients FILE')
  if (parseArrivals(arrivals).arrivals.name === 'trace' && flags.trace === undefined)
    throw usageError('--arrivals trace needs --trace FILE')
  const ratePerS = numberOf('--rate', flags.rate ?? '1')
  if (ratePerS <= 0) throw usageError('--rate is above 0')
  return { kind: 'open', arrivals, ratePerS }
}

/** "2", or "2:1024x768". */
function imagesOf(text: string | undefined): InjectionSpec['workload']['images'] {
  if (text === undefined) return null
  const match = /^(\d+)(?::(\d+)x(\d+))?$/.exec(text)
  if (!match) throw usageError(`--images is N or N:WIDTHxHEIGHT, not "${text}"`)
  const [perRequest, width = 512, height = 512] = match
    .slice(1)
    .flatMap((part) => part ?? [])
    .map(Number)
  return { perRequest: atLeast('--images', perRequest!, 1), width, height }
}

/** "2", or "2:lognormal:median=500". */
function toolResultsOf(text: string | undefined): InjectionSpec['workload']['toolResults'] {
  if (text === undefined) return null
  const [count = '', length = '200'] = text.split(/:(.*)/s)
  return {
    count: atLeast('--tool-results', numberOf('--tool-results', count), 1),
    tokens: parseLength(length),
  }
}

function sharedPrefixOf(text: string | undefined): { groups: number; tokens: number } | null {
  if (text === undefined) return null
  const pairs = parsePairs(text)
  return {
    groups: atLeast('groups', parseCount(pairs.get('groups') ?? '1'), 1),
    tokens: atLeast('tokens', parseCount(pairs.get('tokens') ?? '0'), 1),
  }
}

function bodyOf(text: string | undefined): InjectionSpec['request']['extraBody'] {
  if (text === undefined) return {}
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body))
      return body as InjectionSpec['request']['extraBody']
  } catch {
    // Said below.
  }
  throw usageError('--body is a JSON object')
}

const columnsOf = (flags: SpecFlags) => Object.fromEntries(parsePairs(flags.columns ?? ''))
const lengthOf = (text: string | undefined): LengthSpec | undefined =>
  text === undefined ? undefined : parseLength(text)

function numberOf(flag: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw usageError(`${flag} is a number, not "${text}"`)
  return value
}

function atLeast(name: string, value: number, min: number): number {
  if (value >= min) return value
  throw usageError(`${name} is at least ${min}`)
}
