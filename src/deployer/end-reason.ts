import type { EndedReplica } from '../runtimes/runtime.ts'

const saidLengthMax = 300

/** How a process ended, with its last words where those may say why. */
export function endReason({
  exitCode,
  signal,
  logTail,
}: Pick<EndedReplica, 'exitCode' | 'signal' | 'logTail'>): string {
  const how =
    signal !== null
      ? `was ended by ${signal}`
      : exitCode !== null
        ? `ended with code ${exitCode}`
        : 'ended'
  const lastLine = logTail.split('\n').findLast((line) => line.trim() !== '')
  const said = lastLine === undefined ? '' : wordsOf(lastLine)
  return said === '' ? how : `${how}: ${said.slice(0, saidLengthMax)}`
}

const errorLevel = 50

/** Engines of ours log JSON (pino): what is no error there says nothing of an end. */
function wordsOf(line: string): string {
  try {
    const { level, msg } = Object(JSON.parse(line)) as { level?: unknown; msg?: unknown }
    if (typeof level !== 'number') return line
    return level >= errorLevel && typeof msg === 'string' ? msg : ''
  } catch {
    return line
  }
}
