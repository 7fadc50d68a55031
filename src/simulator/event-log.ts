/** Takes one line, without its end. */
export type EventSink = (line: string) => void

export type EventName =
  | 'request-arrived'
  | 'request-held'
  | 'request-routed'
  | 'request-admitted'
  | 'request-first-token'
  | 'request-preempted'
  | 'request-transferred'
  | 'request-retried'
  | 'request-finished'
  | 'request-rejected'
  | 'request-failed'
  | 'replica-starting'
  | 'replica-ready'
  | 'replica-draining'
  | 'replica-stopped'
  | 'replica-failed'
  | 'replica-slowed'
  | 'autoscaler-decided'

export type EventFields = Readonly<Record<string, string | number>>

/** The time of the run, as all of its parts see it. */
export interface Now {
  ms: number
}

export interface EventLog {
  request(event: EventName, request: number, fields?: EventFields): void
  other(event: EventName, fields: EventFields): void
}

/** One JSON line an event, times in ms with three decimals: the same run gives the same bytes. */
export function createEventLog(sink: EventSink | undefined, now: Now): EventLog {
  const write = (event: EventName, fields: string) =>
    sink?.(`{"atMs":${now.ms.toFixed(3)},"event":"${event}"${fields}}`)
  return {
    request(event, request, fields) {
      if (sink) write(event, `,"request":${request}${format(fields)}`)
    },
    other(event, fields) {
      if (sink) write(event, format(fields))
    },
  }
}

const format = (fields: EventFields = {}): string =>
  Object.entries(fields)
    .map(([name, value]) => `,"${name}":${JSON.stringify(value)}`)
    .join('')
