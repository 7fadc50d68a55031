import type { Serving } from '../e2e/serving.ts'

/** What clients have seen. */
export interface Tally {
  ok: number
  /** Failed before the first byte: another replica could have answered. */
  retryable: string[]
  /** Broken off in the middle of a stream. */
  brokenStreams: number
  longestMs: number
}

export interface Clients {
  /** Counts anew from here, and gives what was counted until then. */
  take(): Tally
  /** After their last requests. */
  stop(): Promise<void>
}

const nothing = (): Tally => ({ ok: 0, retryable: [], brokenStreams: 0, longestMs: 0 })

/** Each asks again as soon as it has its answer; half of the requests are streams. */
export function startClients(serving: Serving, model: string, count: number): Clients {
  let tally = nothing()
  let isOver = false

  const ask = async (question: number, stream: boolean): Promise<void> => {
    const startMs = performance.now()
    let hasByte = false
    try {
      const response = await fetch(`${serving.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${serving.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model,
          stream,
          max_tokens: 24,
          messages: [{ role: 'user', content: `Tell me something about number ${question}.` }],
        }),
      })
      let text = ''
      for await (const chunk of response.body!) {
        hasByte = true
        text += Buffer.from(chunk as Uint8Array).toString()
      }
      const isWhole = stream ? text.includes('data: [DONE]') : response.ok
      if (response.ok && isWhole) tally.ok++
      else if (stream && response.ok) tally.brokenStreams++
      else tally.retryable.push(`${response.status} ${text.slice(0, 120)}`)
    } catch (thrown) {
      if (hasByte) tally.brokenStreams++
      else tally.retryable.push(String(thrown))
    }
    tally.longestMs = Math.max(tally.longestMs, performance.now() - startMs)
  }
  const client = async (at: number): Promise<void> => {
    for (let question = 0; !isOver; question++) await ask(question, (question + at) % 2 === 0)
  }
  const all = Array.from({ length: count }, (_, at) => client(at))

  return {
    take() {
      const taken = tally
      tally = nothing()
      return taken
    },
    async stop() {
      isOver = true
      await Promise.all(all)
    },
  }
}
