import type { Engine } from '../engines/engine.ts'
import type { ProbeAnswer } from './policy/replica.ts'

/** Asks a replica how it is. Null: no answer in time, or none at all. */
export type Probe = (
  engine: Engine,
  url: string,
  path: string,
  timeoutMs: number,
) => Promise<ProbeAnswer | null>

const answerBytesMax = 65_536

export const probeOverHttp: Probe = async (engine, url, path, timeoutMs) => {
  try {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(timeoutMs) })
    const body = await response.text()
    return engine.readHealth(response.status, body.slice(0, answerBytesMax))
  } catch {
    return null
  }
}
