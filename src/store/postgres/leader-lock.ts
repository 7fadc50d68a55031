import { setTimeout as delay } from 'node:timers/promises'
import { Client, type ClientConfig } from 'pg'
import { AppError } from '../../core/errors.ts'
import { asStoreError } from './errors.ts'

/**
 * The advisory lock that makes one control the writer of a database. It lives in a session of its own: when the
 * session breaks, so does the lock, and writing stops until it is held again.
 */
export interface LeaderLock {
  /** Resolves while the lock is held. Errors after the time: `store/locked`, `store/unavailable`. */
  held(timeoutMs: number): Promise<void>
  release(): Promise<void>
}

/** Any constant that others are unlikely to use in the same database: "baleen" in ASCII. */
const lockNumber = '108170552731758'
const retryMs = 200
const retryMsMax = 5000

/** Error: `store/locked` while another control has it, `store/unavailable`. */
export async function takeLeaderLock(config: ClientConfig, timeoutMs: number): Promise<LeaderLock> {
  const lock = createLeaderLock(config)
  try {
    await lock.held(timeoutMs)
    return lock
  } catch (thrown) {
    await lock.release()
    throw thrown
  }
}

function createLeaderLock(config: ClientConfig): LeaderLock {
  const ending = new AbortController()
  let session: Client | undefined
  let problem: unknown
  let waiters: (() => void)[] = []

  const keep = async (): Promise<void> => {
    let pauseMs = retryMs
    while (!ending.signal.aborted) {
      try {
        const client = await openSession(config)
        const broken = new Promise<unknown>((resolve) => client.once('end', () => resolve(null)))
        session = client
        pauseMs = retryMs
        for (const wake of waiters) wake()
        waiters = []
        await broken
        session = undefined
        problem = new AppError('store/unavailable', { message: 'the connection was lost' })
      } catch (thrown) {
        problem = asStoreError(thrown)
        await delay(pauseMs, undefined, { signal: ending.signal, ref: false }).catch(() => {})
        pauseMs = Math.min(pauseMs * 2, retryMsMax)
      }
    }
  }
  const keeping = keep()

  return {
    async held(timeoutMs) {
      if (session) return
      const waiting = Promise.withResolvers<void>()
      waiters.push(waiting.resolve)
      const timer = setTimeout(() => waiting.reject(problem ?? lateError()), timeoutMs)
      try {
        await waiting.promise
      } finally {
        clearTimeout(timer)
        waiters = waiters.filter((wake) => wake !== waiting.resolve)
      }
    },
    async release() {
      ending.abort()
      await session?.end()
      await keeping
    },
  }
}

async function openSession(config: ClientConfig): Promise<Client> {
  const client = new Client(config)
  client.on('error', () => {}) // `end` follows; without a listener the process would die
  try {
    await client.connect()
    const { rows } = await client.query<{ taken: boolean }>(
      `select pg_try_advisory_lock(${lockNumber}) as taken`,
    )
    if (rows[0]?.taken !== true)
      throw new AppError('store/locked', {
        message: 'another control works on this database',
        hint: 'Stop the other one, or give this one a database of its own in DATABASE_URL.',
      })
    return client
  } catch (thrown) {
    await client.end().catch(() => {})
    throw thrown
  }
}

const lateError = (): AppError =>
  new AppError('store/unavailable', { message: 'the database did not answer in time' })
