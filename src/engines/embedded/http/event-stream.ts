import type { ServerResponse } from 'node:http'
import type { AppError } from '../../../core/errors.ts'
import { errorBody } from './errors.ts'

/** Server-sent events. The head leaves with the first of them, so that until then an error can still have its status. */
export interface EventStream {
  /** `json`: one event, already written out. */
  send(json: string): void
  /** `data: [DONE]`. */
  end(): void
  /** For what goes wrong after the head has left: an error event, and no `[DONE]`. */
  fail(error: AppError): void
  readonly hasStarted: boolean
}

export function createEventStream(response: ServerResponse): EventStream {
  let hasStarted = false
  const write = (text: string): void => {
    if (response.destroyed) return
    if (!hasStarted) {
      hasStarted = true
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-accel-buffering': 'no',
      })
    }
    response.write(text)
  }
  return {
    send: (json) => write(`data: ${json}\n\n`),
    end() {
      write('data: [DONE]\n\n')
      response.end()
    },
    fail(error) {
      write(`data: ${JSON.stringify(errorBody(error))}\n\n`)
      response.end()
    },
    get hasStarted() {
      return hasStarted
    },
  }
}
