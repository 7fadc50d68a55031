import Docker from 'dockerode'
import { AppError } from '../../core/errors.ts'

/** A Docker daemon, and what its answers mean. */
export interface Daemon {
  readonly docker: Docker
  /** On this machine: its devices are this machine's. */
  readonly isLocal: boolean
  /** Turns what the daemon, or the way to it, says into `runtime/refused` or `runtime/unreachable`. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T>
  readonly errorOf: (thrown: unknown) => AppError
}

/** `host`: a socket's path, or a URL. */
export function connectDaemon(host: string): Daemon {
  const isLocal = host.startsWith('/')
  const docker = new Docker(isLocal ? { socketPath: host } : optionsOf(host))
  const errorOf = (thrown: unknown): AppError => toDockerError(thrown, host)
  return {
    docker,
    isLocal,
    errorOf,
    async ask(question) {
      try {
        return await question()
      } catch (thrown) {
        throw errorOf(thrown)
      }
    },
  }
}

function optionsOf(host: string): Docker.DockerOptions {
  const { protocol, hostname, port } = new URL(host)
  return { protocol: protocol === 'https:' ? 'https' : 'http', host: hostname, port: port || 2375 }
}

/** Null: there is no such container, or it does not run. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (thrown) {
    const { statusCode } = thrown as { statusCode?: number }
    // 304: it has ended already. 409: somebody removes it at this moment.
    if (statusCode === 404 || statusCode === 304 || statusCode === 409) return null
    throw thrown
  }
}

function toDockerError(thrown: unknown, host: string): AppError {
  if (thrown instanceof AppError) return thrown
  const { statusCode, json, message } = thrown as {
    statusCode?: number
    json?: { message?: string }
    message: string
  }
  return statusCode === undefined
    ? new AppError('runtime/unreachable', {
        message: `Docker at ${host} can't be reached: ${message}`,
        cause: thrown,
      })
    : new AppError('runtime/refused', { message: json?.message ?? message, cause: thrown })
}
