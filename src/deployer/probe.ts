import type { DeploymentSpec } from '../contract/deployment.ts'
import type { Engine } from '../engines/engine.ts'
import type { ProbeAnswer } from './policy/replica.ts'
import type { ReadMetrics } from './readings.ts'

/** Asks a replica how it is. Null: no answer in time, or none at all. */
export type Probe = (
  engine: Engine,
  url: string,
  path: string,
  timeoutMs: number,
) => Promise<ProbeAnswer | null>

/**
 * Makes a replica bring a real token, so often as its rollout says. `beside`: members that its engine wants in a request
 * for it alone. Null: it did; else why not.
 */
export type Warm = (
  url: string,
  spec: DeploymentSpec,
  beside?: Readonly<Record<string, unknown>>,
) => Promise<string | null>

const warmTimeoutMs = 120_000

export const warmOverHttp: Warm = async (url, spec, beside = {}) => {
  const { task, rollout } = spec
  const model = spec.route ?? spec.name
  const [path, body] =
    task === 'embed'
      ? ['/v1/embeddings', { model, input: 'Hello' }]
      : ['/v1/completions', { model, prompt: 'Hello', max_tokens: 1, temperature: 0, ...beside }]
  try {
    for (let count = 0; count < rollout.warmup; count++) {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(warmTimeoutMs),
      })
      const text = await response.text()
      // An engine without this endpoint can't be warmed up like that; that it is ready has to do.
      if (response.status === 405 || (response.status === 404 && !isAboutModel(text))) return null
      if (!response.ok) return `status ${response.status}: ${text.slice(0, 200)}`
    }
    return null
  } catch (thrown) {
    return (thrown as Error).message
  }
}

/** "The model `x` does not exist": there is an endpoint, and clients would be told the same. */
const isAboutModel = (text: string): boolean => /"message"\s*:\s*"[^"]*\bmodel\b/i.test(text)

const answerBytesMax = 65_536
/** RFC 7240: engines that know it answer when they have loaded, others at once. */
const patience = { prefer: 'wait=1' }
const patienceMs = 1000

export const probeOverHttp: Probe = async (engine, url, path, timeoutMs) => {
  try {
    const response = await fetch(url + path, {
      headers: timeoutMs > 2 * patienceMs ? patience : {},
      signal: AbortSignal.timeout(timeoutMs),
    })
    const body = await response.text()
    return engine.readHealth(response.status, body.slice(0, answerBytesMax))
  } catch {
    return null
  }
}

/** A page of a large engine has some hundred lines; one that never ends is no page. */
const pageBytesMax = 4 << 20

export const readMetricsOverHttp: ReadMetrics = async (engine, { urls, replicas }, timeoutMs) => {
  const path = engine.metricsPath ?? ''
  const pages = await Promise.all(urls.map((url) => readPage(url + path, timeoutMs)))
  const told = pages.filter((page) => page !== null)
  return told.length === 0 ? null : engine.parseMetrics(told.join('\n'), replicas)
}

async function readPage(url: string, timeoutMs: number): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok || !response.body) return null
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength
      if (bytes > pageBytesMax) return null
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch {
    return null
  }
}
