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

/** One JSON line an event, times in ms with three decimals: the same run gives the same bytes. */
export function formatEvent(
  atMs: number,
  event: EventName,
  fields: Readonly<Record<string, string | number>>,
): string {
  let line = `{"atMs":${atMs.toFixed(3)},"event":"${event}"`
  for (const [name, value] of Object.entries(fields))
    line += `,"${name}":${typeof value === 'number' ? value : JSON.stringify(value)}`
  return `${line}}`
}
