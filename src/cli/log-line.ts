/** Numbers of pino. */
const levels: Record<number, string> = { 40: 'warn', 50: 'error', 60: 'fatal' }
/** The same in every line, or told otherwise. */
const untold = new Set(['level', 'time', 'msg', 'role', 'name', 'pid'])

/** A line of `GET /logs/NAME`: the replica's id where several may write, and what the engine wrote. */
export interface LogLine {
  readonly replica: string | null
  /** What the line holds as JSON; null: it is text. */
  readonly fields: Readonly<Record<string, unknown>> | null
  readonly text: string
}

export function parseLogLine(line: string): LogLine {
  const [, id, rest] = /^([a-z0-9-]+) {2}(.*)$/s.exec(line) ?? []
  const text = rest ?? line
  return { replica: id ?? null, fields: fieldsOf(text), text }
}

/** `2030-01-31T10:00:00.000Z  small-k3x9q1  ready  loadMs=120`; text stays as it is. */
export function formatLogLine({ replica, fields, text }: LogLine): string {
  if (!fields) return replica === null ? text : `${replica}  ${text}`
  const { time, level, msg } = fields
  const rest = Object.entries(fields)
    .filter(([name]) => !untold.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [
    typeof time === 'number' ? new Date(time).toISOString() : null,
    replica,
    levels[Number(level)],
    typeof msg === 'string' ? msg : null,
    ...rest,
  ]
    .filter((part) => part !== null && part !== undefined)
    .join('  ')
}

function fieldsOf(text: string): LogLine['fields'] {
  if (!text.startsWith('{')) return null
  try {
    const fields = JSON.parse(text) as Record<string, unknown>
    // A date that there is not.
    return Number.isNaN(new Date(Number(fields['time'] ?? 0)).getTime()) ? null : fields
  } catch {
    return null
  }
}
