import type { ModelSession } from '../model/session.ts'

/** A model for tests: the next token is a function of those before it. */
export interface ScriptedSession extends ModelSession {
  /** Every step: which sequences took part, with how many tokens. */
  readonly steps: { sequence: number; tokens: number }[][]
  /** What each sequence has in memory. */
  readonly memory: number[][]
  /** Awaited in each step; replace it to hold or break one. */
  beforeStep: () => Promise<void>
}

export function createScriptedSession(options: {
  readonly sequences: number
  readonly contextTokens?: number
  readonly endToken?: number
  readonly next: (tokens: readonly number[]) => number
}): ScriptedSession {
  const { sequences, contextTokens = 1000, endToken = 0, next } = options
  const memory: number[][] = Array.from({ length: sequences }, () => [])
  const steps: ScriptedSession['steps'] = []
  let logits: number[] = []
  let batch: { sequence: number; tokens: number }[] = []
  const session: ScriptedSession = {
    sequences,
    contextTokens,
    isSerial: false,
    steps,
    memory,
    beforeStep: () => Promise.resolve(),
    isEnd: (token) => token === endToken,
    startBatch() {
      logits = []
      batch = []
      steps.push(batch)
    },
    add(sequence, position, tokens, wanted) {
      const held = memory[sequence]!
      if (held.length !== position)
        throw new Error(`sequence ${sequence} holds ${held.length} tokens, not ${position}`)
      batch.push({ sequence, tokens: tokens.length })
      const handles = new Uint32Array(wanted.length)
      for (const [index, token] of tokens.entries()) {
        held.push(token)
        const at = wanted.indexOf(index)
        if (at >= 0) handles[at] = logits.push(next(held)) - 1
      }
      return handles
    },
    decode: () => session.beforeStep(),
    sample: (logit) => Promise.resolve(logits[logit] ?? -1),
    distribution: (logit) =>
      Promise.resolve({ tokens: [logits[logit] ?? -1, 1], probabilities: [0.75, 0.25] }),
    createSampler: () => ({ dispose: () => {} }),
    createRawSampler: () => ({ dispose: () => {} }),
    truncate(sequence, length) {
      memory[sequence]!.length = Math.min(length, memory[sequence]!.length)
      return memory[sequence]!.length
    },
    embedding: () => Float64Array.of(3, 4),
  }
  return session
}
