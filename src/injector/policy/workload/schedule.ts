import type { InjectionSpec } from '../../../contract/injection-spec.ts'
import { createRandom } from '../../../core/random.ts'
import type { ArrivalInput } from '../arrivals/arrival-process.ts'
import { clientArrivals } from '../arrivals/clients.ts'
import { parseArrivals } from '../arrivals/parse-arrivals.ts'
import { traceArrivals } from '../arrivals/trace.ts'
import { drawIndex, streamSeed } from '../statistics/draw.ts'
import { fitClients, type ClientMix } from '../arrivals/client-mix.ts'
import { drawLength } from './lengths.ts'
import type { Session } from './session.ts'

/** What was recorded, read from a file by the shell. */
export interface Recording {
  /** Milliseconds from the start of the recording, ascending. */
  readonly timesMs: Float64Array
  /** Null: the recording does not say; the workload's lengths stand in. */
  readonly inputTokens: Uint32Array | null
  readonly outputTokens: Uint32Array | null
  /** Blocks of the prompt by identity (Mooncake): equal numbers are equal text. Null: none recorded. */
  readonly prefixBlocks: readonly (readonly number[])[] | null
  /** Who sent each; null: the recording does not say. */
  readonly clients?: readonly string[] | null
}

/**
 * A run, computed before it starts and then only followed. One entry a request; those of one session stand together,
 * and only the first has a time of its own (the others are NaN: they follow answers).
 */
export interface Schedule {
  /** First entry of each session, and after the last one the number of entries. */
  readonly sessionStarts: Uint32Array
  readonly timesMs: Float64Array
  readonly inputTokens: Uint32Array
  readonly outputTokens: Uint32Array
  /** Index into the models of the spec. */
  readonly models: Uint16Array
  /** Which shared beginning; −1: none. */
  readonly prefixGroups: Int32Array
  /** Which row of the dataset, the recording or the sessions; for synthetic prompts the number of the entry. */
  readonly rows: Uint32Array
  /** Number of the call within its session. */
  readonly turns: Uint16Array
}

export interface Sources {
  readonly recording?: Recording
  /** Rows in the dataset; 0: prompts are synthetic. */
  readonly datasetRows?: number
  /** Recorded sessions, taken in turn; none: every session is a conversation as the spec says. */
  readonly sessions?: readonly Session[]
  /** Of `--arrivals clients`; none: those of the recording, or made up. */
  readonly clientMix?: ClientMix
}

/** The same spec, seed and sources give the same schedule, byte for byte, whatever runs it. */
export function buildSchedule(spec: InjectionSpec, sources: Sources = {}): Schedule {
  const { sharedPrefix } = spec.workload
  const { timesMs, positions, clientOf } = arrivalsOf(spec, sources)
  const sessionStarts = sessionsOf(spec, timesMs.length, sources.sessions)
  const count = sessionStarts.at(-1)!
  const stream = (name: string) => createRandom(streamSeed(spec.seed, name))
  const [lengths, choices, rowsRandom] = [stream('lengths'), stream('choices'), stream('rows')]
  const weights = spec.models.map(({ weight }) => weight)
  const schedule = {
    sessionStarts,
    timesMs: new Float64Array(count).fill(NaN),
    inputTokens: new Uint32Array(count),
    outputTokens: new Uint32Array(count),
    models: new Uint16Array(count),
    prefixGroups: new Int32Array(count).fill(-1),
    rows: new Uint32Array(count),
    turns: new Uint16Array(count),
  }
  for (let session = 0; session < sessionStarts.length - 1; session++) {
    const first = sessionStarts[session]!
    const position = positions?.[session]
    const recordedSession = sources.sessions?.[session % sources.sessions.length]
    const model = drawIndex(weights, choices)
    const drawn = sharedPrefix ? Math.floor(choices() * sharedPrefix.groups) : -1
    // A client has its own system prompt.
    const group = sharedPrefix && clientOf ? clientOf[session]! % sharedPrefix.groups : drawn
    schedule.timesMs[first] = timesMs[session]!
    for (let index = first; index < sessionStarts[session + 1]!; index++) {
      const call = recordedSession?.calls[index - first]
      const input = drawLength(spec.workload.inputTokens, lengths)
      const output = drawLength(spec.workload.outputTokens, lengths)
      schedule.inputTokens[index] =
        call?.inputTokens ?? recorded(sources.recording?.inputTokens, position) ?? input
      schedule.outputTokens[index] = Math.max(
        1,
        call?.outputTokens ?? recorded(sources.recording?.outputTokens, position) ?? output,
      )
      const named = spec.models.findIndex(({ name }) => name === call?.model)
      schedule.models[index] = named === -1 ? model : named
      schedule.prefixGroups[index] = group
      schedule.turns[index] = index - first
      schedule.rows[index] = recordedSession
        ? session % sources.sessions!.length
        : sources.datasetRows
          ? Math.floor(rowsRandom() * sources.datasetRows)
          : (position ?? index)
    }
  }
  return schedule
}

/** Where each session begins; as many as there are arrivals, or as `requestsMax` leaves room for. */
function sessionsOf(
  { workload, requestsMax }: InjectionSpec,
  arrivals: number,
  sessions: readonly Session[] | undefined,
): Uint32Array {
  const starts = [0]
  for (let session = 0; session < arrivals; session++) {
    const first = starts.at(-1)!
    if (first >= (requestsMax ?? Infinity)) break
    starts.push(first + (sessions?.[session % sessions.length]!.calls.length ?? workload.turns))
  }
  return Uint32Array.from(starts)
}

interface Arrivals {
  readonly timesMs: Float64Array
  /** Row of the recording behind each. */
  readonly positions: Uint32Array | null
  readonly clientOf?: Uint32Array
}

function arrivalsOf(spec: InjectionSpec, { recording, clientMix }: Sources): Arrivals {
  if (spec.load.kind === 'closed') return { timesMs: userStarts(spec), positions: null }
  const { arrivals, parameters } = parseArrivals(spec.load.arrivals)
  const input = {
    ratePerS: spec.load.ratePerS,
    durationMs: spec.durationMs,
    random: createRandom(streamSeed(spec.seed, 'arrivals')),
    parameters,
    ...(recording ? { recordedMs: recording.timesMs } : {}),
  }
  if (arrivals.name === 'trace') return traceArrivals(input)
  if (arrivals.name === 'clients') return ofClients(spec, input, recording, clientMix)
  return { timesMs: arrivals.generate(input), positions: null }
}

/** Lengths are those of recorded requests of the same client, drawn again. */
function ofClients(
  spec: InjectionSpec,
  input: ArrivalInput,
  recording: Recording | undefined,
  clientMix: ClientMix | undefined,
): Arrivals {
  const names = recording?.clients ?? null
  const fitted =
    recording && names ? { clients: fitClients(recording.timesMs, names), curve: null } : null
  const { timesMs, clients, clientOf } = clientArrivals(input, clientMix ?? fitted)
  if (recording === undefined) return { timesMs, positions: null, clientOf }
  const rows = [...recording.timesMs.keys()]
  const rowsOf = names ? Map.groupBy(rows, (row) => names[row]!) : new Map<string, number[]>()
  const random = createRandom(streamSeed(spec.seed, 'rows of clients'))
  const positions = Uint32Array.from(clientOf, (client) => {
    const own = rowsOf.get(clients[client]!.name) ?? rows
    return own[Math.floor(random() * own.length)]!
  })
  return { timesMs, positions, clientOf }
}

/**
 * A closed loop has as many requests as the server allows, so the schedule holds enough for any: the first of each
 * user at its staggered start, the rest without a time. `requestsMax` bounds it.
 */
function userStarts(spec: InjectionSpec): Float64Array {
  if (spec.load.kind !== 'closed') return new Float64Array()
  const { users, rampMs } = spec.load
  const count = spec.requestsMax ?? closedRequestsMax
  return Float64Array.from({ length: Math.max(users, count) }, (_, index) =>
    index < users ? (index * rampMs) / users : NaN,
  )
}

/** Entries prepared for a closed loop without `requestsMax`; they are used in turn and then again. */
const closedRequestsMax = 16_384

const recorded = (values: Uint32Array | null | undefined, position: number | undefined) =>
  values === null || position === undefined ? undefined : values?.[position]
