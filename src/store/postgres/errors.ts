import { AppError } from '../../core/errors.ts'

/**
 * Coded error for what the driver threw. A class of SQLSTATE names the server's trouble (08 connection, 53 resources,
 * 57 operator); an error without SQLSTATE comes from the socket. Anything else is a bug and passes.
 */
export function asStoreError(thrown: unknown): unknown {
  if (thrown instanceof AppError || !(thrown instanceof Error)) return thrown
  const { code } = thrown as { code?: string }
  // SQLite and JSON have the character, PostgreSQL's text has it not.
  if (code === '22021' || code === '22P05')
    return new AppError('request/invalid', {
      message: 'text may not hold the character U+0000',
      cause: thrown,
    })
  const isServers = code !== undefined && /^(08|53|57|28|3D)/.test(code)
  const isSockets = isConnectError(thrown) || /connection|timeout/i.test(thrown.message)
  if (code === '53100') return new AppError('machine/disk-full', detail(thrown))
  return isServers || isSockets ? new AppError('store/unavailable', detail(thrown)) : thrown
}

/** The server was never reached, so nothing can have happened there: safe to call again. */
export function isConnectError(thrown: unknown): boolean {
  const { code, syscall, message } = thrown as NodeJS.ErrnoException
  return (
    syscall === 'connect' ||
    syscall === 'getaddrinfo' ||
    code === '57P03' ||
    message === 'timeout exceeded when trying to connect'
  )
}

const detail = (thrown: Error) => ({
  // Where a name has several addresses and all refuse, Node's message is empty.
  message: `PostgreSQL: ${thrown.message || (thrown as NodeJS.ErrnoException).code}`,
  cause: thrown,
})
