import type { Message, Tool } from './message.ts'

/**
 * Calls that belong together: a conversation, or the graph of an agent. A call begins when the answers that it waits
 * for have come and its delay is over, so a slow server slows the session down, as it does its users.
 */
export interface Session {
  readonly calls: readonly SessionCall[]
  readonly tools?: readonly Tool[]
}

export interface SessionCall {
  /** Calls before this one whose answers it waits for; none: it counts from the start of the session. */
  readonly after: readonly number[]
  /** From the last of those answers: a tool at work, or a person who thinks. */
  readonly delayMs: number
  /** The call whose messages and answer this one begins with; null: it begins anew. */
  readonly continues: number | null
  /** What it adds. None: a prompt made for it. */
  readonly messages: readonly SessionMessage[]
  /** What the recording had for an answer. */
  readonly answer: Message | null
  /** Of the whole prompt, where it was recorded. */
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  /** As recorded; used where the spec has a model of that name. */
  readonly model: string | null
}

/** A message, or the answer of a call before. */
export type SessionMessage = Message | { readonly answerOf: number }

/** A conversation of so many turns with prompts made for it. */
export const conversation = (turns: number, thinkTimeMs: number): Session => ({
  calls: Array.from({ length: turns }, (_, turn) => ({
    after: turn === 0 ? [] : [turn - 1],
    delayMs: turn === 0 ? 0 : thinkTimeMs,
    continues: turn === 0 ? null : turn - 1,
    messages: [],
    answer: null,
    inputTokens: null,
    outputTokens: null,
    model: null,
  })),
})

/** A call that may be sent at `dueMs`, on the clock of the caller. */
export interface DueCall {
  readonly call: number
  readonly dueMs: number
}

/** One run through a session. */
export interface SessionRun {
  begin(startMs: number): DueCall[]
  /** What becomes due with an answer. Calls that wait for one that failed are never sent. */
  end(call: number, endedMs: number, answer: string | null): DueCall[]
  /** The messages of a call; `prompt` stands in where the session has none of its own. */
  messagesOf(call: number, prompt: () => readonly Message[]): readonly Message[]
  /** Every call was answered. */
  readonly isWhole: boolean
}

/** `usesRecorded`: calls carry on with the answers of the recording, where there are any. */
export function runSession({ calls }: Session, usesRecorded: boolean): SessionRun {
  const endedMs = calls.map(() => NaN)
  const answers = calls.map(() => null as Message | null)
  const sent = calls.map(() => [] as readonly Message[])
  let startMs = 0
  let answered = 0

  const due = (call: number): DueCall => ({
    call,
    dueMs:
      calls[call]!.after.reduce((last, other) => Math.max(last, endedMs[other]!), startMs) +
      calls[call]!.delayMs,
  })
  return {
    get isWhole() {
      return answered === calls.length
    },
    begin(atMs) {
      startMs = atMs
      return calls.flatMap(({ after }, call) => (after.length === 0 ? [due(call)] : []))
    },
    end(call, atMs, answer) {
      if (answer === null) return []
      endedMs[call] = atMs
      answered++
      const recorded = usesRecorded ? calls[call]!.answer : null
      answers[call] = recorded ?? { role: 'assistant', content: answer }
      return calls.flatMap(({ after }, other) =>
        after.includes(call) && after.every((needed) => !Number.isNaN(endedMs[needed]!))
          ? [due(other)]
          : [],
      )
    },
    messagesOf(call, prompt) {
      const { continues, messages } = calls[call]!
      const before = continues === null ? [] : [...sent[continues]!, ...answerOf(continues)]
      const own =
        messages.length === 0
          ? prompt()
          : messages.flatMap((message) =>
              'answerOf' in message ? answerOf(message.answerOf) : [message],
            )
      return (sent[call] = [...before, ...own])
    },
  }

  function answerOf(call: number): Message[] {
    const answer = answers[call]
    return answer ? [answer] : []
  }
}
