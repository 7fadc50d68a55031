import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'
import type { ApiContext } from './context.ts'

/** How often a deployment is asked for replicas that started since. */
const lookMs = 500

interface LogQuery {
  readonly lines: number
  /** Goes on until the stream is destroyed. */
  readonly follow: boolean
}

type LogContext = Pick<ApiContext, 'deployer' | 'registry' | 'logs'>

/**
 * Log lines of a replica, or of all replicas of a deployment, then each line under its replica's id. Throws
 * `replica/not-found`.
 */
export function streamLogs(name: string, query: LogQuery, context: LogContext): Readable {
  const { deployer, registry, logs } = context
  const gone = new AbortController()
  const { signal } = gone
  const output = new PassThrough()
  output.once('close', () => gone.abort())

  const pump = async (lines: AsyncIterable<string>, prefix: string): Promise<void> => {
    for await (const line of lines)
      if (!output.write(`${prefix}${line}\n`)) await once(output, 'drain', { signal })
  }
  const finish = (pumps: readonly Promise<void>[]): void => {
    Promise.all(pumps).then(
      () => output.end(),
      (thrown: Error) => output.destroy(thrown),
    )
  }
  const request = { ...query, signal }

  if (!registry.deployment(name)) {
    finish([pump(logs(name, request), '')])
    return output
  }
  const seen = new Set<string>()
  const pumpNew = (ids: readonly string[]): Promise<void>[] =>
    ids
      .filter((id) => !seen.has(id))
      .map((id) => {
        seen.add(id)
        return pump(logs(id, request), `${id}  `)
      })
  const running = (): readonly string[] =>
    deployer
      .replicas()
      .flatMap((one) => (one.deployment === name && one.pid !== null ? one.id : []))
  const last = deployer.lastEnded(name)
  const first = pumpNew(running().length > 0 || last === null ? running() : [last])
  if (!query.follow) finish(first)
  else {
    const timer = setInterval(() => void Promise.allSettled(pumpNew(running())), lookMs)
    signal.addEventListener('abort', () => clearInterval(timer))
    void Promise.allSettled(first)
  }
  return output
}
