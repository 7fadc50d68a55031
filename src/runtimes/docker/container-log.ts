import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import type { LogRequest } from '../runtime.ts'
import { orNull } from './daemon.ts'

/** Lines of both outputs of a container. Null: there is none. */
export async function linesOf(
  docker: Docker,
  container: Docker.Container,
  { lines, follow, signal }: LogRequest,
): Promise<AsyncIterable<string> | null> {
  const options = { stdout: true, stderr: true, tail: lines, abortSignal: signal }
  // Two calls: the types of the library differ by `follow`.
  const raw = follow
    ? await orNull(container.logs({ ...options, follow: true }))
    : await orNull(container.logs({ ...options, follow: false }))
  if (raw === null) return null
  const text = new PassThrough()
  const stream = Buffer.isBuffer(raw) ? new PassThrough().end(raw) : raw
  docker.modem.demuxStream(stream, text, text)
  stream.once('end', () => text.end())
  stream.once('error', () => text.end())
  signal.addEventListener('abort', () => text.end(), { once: true })
  return createInterface({ input: text })
}

export async function lastLines(
  docker: Docker,
  container: Docker.Container,
  lines: number,
): Promise<string[]> {
  const { signal } = new AbortController()
  const text = await linesOf(docker, container, { lines, follow: false, signal })
  return text ? Array.fromAsync(text) : []
}
