import { createServer, type AddressInfo } from 'node:net'
import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { cannedAnswer } from '../policy/canned-answer.ts'
import { createExchange } from '../policy/measurement/exchange.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { createLauncher } from './launcher.ts'
import type { Target } from './target.ts'

export interface RehearsalOptions {
  readonly spec: InjectionSpec
  readonly target: Target
  readonly now: () => number
  /** How many requests the run will have: no more are rehearsed. */
  readonly requests: number
  /** No longer than a person does not notice, unless told. */
  readonly lengthMsMax?: number
  /** What the driver does with a record; what comes of it is thrown away. */
  onRecord(record: RequestRecord): void
}

/** As many as it takes until the code is compiled. */
const requestsMax = 3000
const atOnce = 16

/**
 * Answers requests of this thread by itself, before time 0: code that has never run is slow, and the first seconds of a
 * run would measure that. Nothing reaches the target.
 */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  const { spec, now, lengthMsMax = 300 } = options
  const isStreaming = spec.request.isStreaming && spec.endpoint !== 'embeddings'
  const pieces = cannedAnswer(spec.endpoint, isStreaming).map((text) => Buffer.from(text))
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', () => {
      for (const piece of pieces) socket.write(piece)
    })
  })
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve())
    server.listen(0, '127.0.0.1', resolve)
  })
  // Without a port the first seconds are slower, and that is all.
  const address = server.address() as AddressInfo | null
  if (address === null) return
  const untilMs = now() + lengthMsMax
  const most = Math.min(requestsMax, options.requests)
  const over = Promise.withResolvers<void>()
  let begun = 0
  const launcher = createLauncher({
    spec,
    target: { ...options.target, address: '127.0.0.1', port: address.port, isTls: false },
    now,
    inFlightMax: atOnce,
    onEnd(_, record) {
      options.onRecord(record)
      // Not from within the answer: a request in a run is sent by the clock.
      setImmediate(send)
    },
  })

  function send(): void {
    if (begun < most && now() < untilMs) {
      begun++
      launcher.launch(exchangeOf(spec, isStreaming, now()), request)
    } else if (launcher.inFlight === 0) over.resolve()
  }

  for (let count = 0; count < atOnce; count++) send()
  const cutOff = setTimeout(() => over.resolve(), 3 * lengthMsMax)
  await over.promise
  clearTimeout(cutOff)
  launcher.abortAll('cancelled_by_plan')
  launcher.close()
  await new Promise((resolve) => server.close(resolve))
}

/** What it says does not matter: nobody reads it. */
const request = Buffer.from('POST / HTTP/1.1\r\nhost: rehearsal\r\ncontent-length: 0\r\n\r\n')

const exchangeOf = (spec: InjectionSpec, isStreaming: boolean, intendedMs: number) =>
  createExchange({
    index: 0,
    model: 0,
    turn: 0,
    endpoint: spec.endpoint,
    isStreaming,
    wantedInputTokens: 1,
    wantedOutputTokens: 1,
    intendedMs,
    keepsText: true,
  })
