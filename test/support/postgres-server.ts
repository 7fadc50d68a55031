import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Client } from 'pg'

export interface PostgresServer {
  /** A new, empty database. */
  createDatabase(): Promise<string>
  dropDatabase(url: string): Promise<void>
  /** Null: the server is not ours to stop. */
  readonly power: { off(): Promise<void>; on(): Promise<void> } | null
  close(): Promise<void>
}

/** Whether `startPostgres` can work here: `DATABASE_URL` is set or the server is installed. */
export const hasPostgres = (): boolean =>
  Boolean(process.env['DATABASE_URL']) || findBinaries() !== undefined

/** The server of `DATABASE_URL`, else a private one in a temporary directory that goes with `close`. */
export async function startPostgres(): Promise<PostgresServer> {
  const given = process.env['DATABASE_URL']
  if (given) return { ...databasesOf(given), power: null, close: async () => {} }
  const binaries = findBinaries()
  if (!binaries) throw new Error('PostgreSQL is not installed')

  const directory = mkdtempSync(join(tmpdir(), 'baleen-postgres-'))
  // PostgreSQL refuses to run as root; any other user will do.
  const user = process.getuid?.() === 0 ? unprivilegedUser() : undefined
  if (user) chownSync(directory, user.uid, user.gid)
  const data = join(directory, 'data')
  const made = spawnSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'test', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    { ...user, cwd: directory, encoding: 'utf8', timeout: 60_000 },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const port = await freePort()
  const url = `postgres://test@127.0.0.1:${port}/postgres`
  const options = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, '-F']
  const start = () =>
    spawn(join(binaries, 'postgres'), options, { ...user, cwd: directory, stdio: 'ignore' })
  let server = start()
  await untilReady(url)
  const off = async (): Promise<void> => {
    if (server.exitCode !== null) return
    server.kill('SIGINT') // fast shutdown: connections are broken off
    await once(server, 'exit')
  }
  const on = async (): Promise<void> => {
    server = start()
    await untilReady(url)
  }
  const close = async (): Promise<void> => {
    await off()
    rmSync(directory, { recursive: true })
  }
  return { ...databasesOf(url), power: { off, on }, close }
}

/** Runs one statement on a connection of its own. */
export async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(statement)
  } finally {
    await client.end().catch(() => {})
  }
}

function databasesOf(server: string): Pick<PostgresServer, 'createDatabase' | 'dropDatabase'> {
  return {
    async createDatabase() {
      const name = `baleen_test_${process.pid}_${crypto.randomUUID().slice(0, 8)}`
      await execute(server, `create database ${name}`)
      const url = new URL(server)
      url.pathname = `/${name}`
      return url.href
    },
    dropDatabase: (url) =>
      execute(server, `drop database if exists ${new URL(url).pathname.slice(1)} with (force)`),
  }
}

function findBinaries(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).toSorted().toReversed() : []
  const places = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  return places.find((place) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(place, name))),
  )
}

function unprivilegedUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const user = ['postgres', 'nobody'].flatMap((name) => users.filter((one) => one[0] === name))[0]
  if (!user) throw new Error('no user to run PostgreSQL as')
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

async function untilReady(url: string): Promise<void> {
  for (const deadlineMs = Date.now() + 30_000; ;)
    try {
      return await execute(url, 'select 1')
    } catch (thrown) {
      if (Date.now() > deadlineMs) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
