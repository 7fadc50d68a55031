import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Message } from './message.ts'
import { conversation, runSession, type Session, type SessionCall } from './session.ts'

const call = (after: number[], more: Partial<SessionCall> = {}): SessionCall => ({
  after,
  delayMs: 10,
  continues: null,
  messages: [{ role: 'user', content: 'u' }],
  answer: null,
  inputTokens: null,
  outputTokens: null,
  model: null,
  ...more,
})

/** Graphs in which calls wait for earlier ones only. */
const graphs = fc
  .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
  .map((rows) =>
    rows.map((row, index) => call(index === 0 ? [] : [...new Set(row.map((n) => n % index))])),
  )

/** Answers every call after 100 ms; gives when each was sent. */
function play(session: Session, fails: (call: number) => boolean = () => false): number[] {
  const run = runSession(session, true)
  const sentMs = session.calls.map(() => NaN)
  const queue = run.begin(1000)
  for (let due = queue.shift(); due; due = queue.shift()) {
    expect(sentMs[due.call]).toBeNaN()
    sentMs[due.call] = due.dueMs
    run.messagesOf(due.call, () => [])
    queue.push(...run.end(due.call, due.dueMs + 100, fails(due.call) ? null : 'a'))
  }
  expect(run.isWhole).toBe(
    sentMs.every((_, index) => !Number.isNaN(sentMs[index]!) && !fails(index)),
  )
  return sentMs
}

describe('a session', () => {
  it('sends every call once, after the answers it waits for and its delay', () => {
    fc.assert(
      fc.property(graphs, (calls) => {
        const sentMs = play({ calls })
        calls.forEach(({ after, delayMs }, index) => {
          const readyMs = Math.max(1000, ...after.map((one) => sentMs[one]! + 100))
          expect(sentMs[index]).toBe(readyMs + delayMs)
        })
      }),
    )
  })

  it('sends nothing that waits for a call that failed', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (calls, number) => {
        const failed = number % calls.length
        const sentMs = play({ calls }, (index) => index === failed)
        const isLost = (index: number): boolean =>
          calls[index]!.after.some((one) => one === failed || isLost(one))
        calls.forEach((_, index) => expect(Number.isNaN(sentMs[index]!)).toBe(isLost(index)))
      }),
    )
  })

  it('carries on with live answers, or with the recorded ones', () => {
    const answer: Message = { role: 'assistant', content: 'recorded' }
    const calls = [
      call([], { answer }),
      call([0], { continues: 0, messages: [{ role: 'user', content: 'v' }] }),
      call([1], { messages: [{ answerOf: 0 }, { role: 'user', content: 'w' }] }),
    ]
    const texts = (usesRecorded: boolean) => {
      const run = runSession({ calls }, usesRecorded)
      run.begin(0)
      return [0, 1, 2].map((index) => {
        const said = run.messagesOf(index, () => []).map(({ content }) => content)
        run.end(index, 1, `live ${index}`)
        return said
      })
    }
    expect(texts(true)).toEqual([['u'], ['u', 'recorded', 'v'], ['recorded', 'w']])
    expect(texts(false)).toEqual([['u'], ['u', 'live 0', 'v'], ['live 0', 'w']])
  })

  it('of so many turns is a chain', () => {
    expect(play(conversation(3, 50))).toEqual([1000, 1150, 1300])
  })
})
