import type { Random } from '../../../core/random.ts'

/** One way in which requests come. Adding one: a file here, a line in `index.ts`, and the contract suite. */
export interface ArrivalProcess {
  readonly name: string
  readonly summary: string
  /** What may follow the name: `gamma:cv=3`. */
  readonly parameters: Readonly<Record<string, ArrivalParameter>>
  /** Ascending times in [0, durationMs). The mean over a long time is `ratePerS`, unless the summary says otherwise. */
  generate(input: ArrivalInput): Float64Array
}

export interface ArrivalParameter {
  readonly kind: 'number' | 'duration' | 'choice'
  readonly summary: string
  /** Milliseconds for a duration. */
  readonly default: number | string
  readonly choices?: readonly string[]
  /** Smallest allowed value. */
  readonly min?: number
  readonly max?: number
}

export type ArrivalParameters = Readonly<Record<string, number | string>>

export interface ArrivalInput {
  readonly ratePerS: number
  readonly durationMs: number
  readonly random: Random
  /** Every parameter of the process, defaults filled in. */
  readonly parameters: ArrivalParameters
  /** Recorded times, milliseconds from the trace's start, ascending; only `trace` reads them. */
  readonly recordedMs?: Float64Array
}

/** Parameters are validated where they are read, so a process may take them as what they are. */
export const numberOf = (input: ArrivalInput, name: string): number =>
  Number(input.parameters[name])
