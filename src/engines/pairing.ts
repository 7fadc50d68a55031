import type { LaunchPlan, ReplicaSpec } from './engine.ts'

/**
 * How the gateway speaks to two replicas of which one reads the prompt of a request and the other writes the answer. One
 * object an engine's protocol, pure: bodies in, bodies out. `pairings.ts` lists them.
 */
export interface PairProtocol {
  readonly name: string
  /**
   * `in-turn`: the one that reads is asked first, and what it answers is told to the one that writes. `at-once`: both get
   * the request at the same moment and find each other.
   */
  readonly order: 'in-turn' | 'at-once'
  /** Members of a body that are the protocol's own. What a client sends under their names reaches no engine. */
  readonly members: readonly string[]
  /** The one that writes can answer a request by itself, as long as it is told of no other. */
  readonly decodesAlone: boolean
  /** Members with which a request can't be shared out; the one that writes gets it whole where it can. */
  readonly unshared: readonly string[]
  /** Why this request can't be shared out. Null: it can. */
  refuse(request: PairRequest): string | null
  /** What the one that reads is sent. */
  prefill(handshake: Handshake): BodyChange
  /** What the one that writes is sent. Null: the answer says nothing of a cache, so that it has to read the prompt itself. */
  decode(handshake: Handshake, answer: Buffer | null): BodyChange | null
}

export interface PairRequest {
  readonly endpoint: 'chat' | 'completions'
  /** Answers asked for. */
  readonly n: number
  readonly hasSeveralPrompts: boolean
}

export interface Handshake {
  /** Of the replica that reads, as others reach it. */
  readonly host: string
  readonly port: number
  /** Drawn for this request: a whole number below 2^53. */
  readonly room: number
  readonly endpoint: PairRequest['endpoint']
}

/** How replicas of an engine are paired. */
export interface Pairing {
  /** A name of `pairings.ts`. */
  readonly protocol: string
  /** Members with which one alone answers, to see whether it brings a token at all. */
  readonly alone: Readonly<Record<string, unknown>>
}

/** Changes of a JSON object, by member; values are JSON. */
export interface BodyChange {
  /** Written, whether it was there or not. */
  readonly set: Readonly<Record<string, string>>
  /** Written where it was there. */
  readonly replace: Readonly<Record<string, string>>
}

/**
 * Where a replica hands caches over: the port after that of its API, which runtimes keep free with it. So nobody has to
 * carry it along.
 */
export const sidePortOf = (port: number): number => port + 1

/** Ports of a replica of an engine that may hand caches over. */
export const portsOf = (
  { port, deployment }: Pick<ReplicaSpec, 'port' | 'deployment'>,
  canPair = true,
): LaunchPlan['ports'] => [
  { name: 'http', port },
  ...(canPair && deployment.settings.role !== 'both'
    ? [{ name: 'handover', port: sidePortOf(port) }]
    : []),
]

/**
 * Parses JSON and keeps whole numbers that JavaScript would round: engines number requests with 64 bits. What comes out
 * is for `JSON.stringify` alone.
 */
export function parseExactly(text: string): unknown {
  return (JSON.parse as ExactParse)(text, (_, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '')
      ? rawJson(source!)
      : value,
  )
}

/** ECMAScript's "JSON.parse source text access", which TypeScript's library does not know yet. */
type ExactParse = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown
const rawJson = (text: string): unknown =>
  (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON(text)
