import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  execute,
  hasPostgres,
  startPostgres,
  type PostgresServer,
} from '../../../test/support/postgres-server.ts'
import { storeContract } from '../store.contract.ts'
import { spec } from '../stored.fixture.ts'
import { openPostgresStore } from './postgres.ts'

describe.skipIf(!hasPostgres())('needs PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.close())

  const timing = { openTimeoutMs: 500, callTimeoutMs: 500 }

  storeContract('PostgreSQL', async () => {
    const url = await server.createDatabase()
    return {
      open: () => openPostgresStore(url, timing),
      addUnknownMigration: () =>
        execute(
          url,
          "insert into kysely_migration values ('9999-later', '2099-01-01T00:00:00.000Z')",
        ),
      destroy: () => server.dropDatabase(url),
    }
  })

  it('has a coded error for a server that is not there', async () => {
    const opening = openPostgresStore('postgres://test@127.0.0.1:1/none', timing)
    await expect(opening).rejects.toMatchObject({ code: 'store/unavailable', status: 503 })
  })

  it('has a coded error for a database that is not there', async () => {
    const url = await server.createDatabase()
    await server.dropDatabase(url)
    const opening = openPostgresStore(url, timing)
    await expect(opening).rejects.toMatchObject({ code: 'store/unavailable' })
  })

  it('refuses the one character that it can not keep', async () => {
    const url = await server.createDatabase()
    const store = await openPostgresStore(url, timing)
    const change = { by: 'test', why: 'nothing\0', atMs: 1 }
    await expect(store.deployments.create(spec('x'), change)).rejects.toMatchObject({
      code: 'request/invalid',
    })
    await store.close()
    await server.dropDatabase(url)
  })

  it('takes the lock back when only its session was broken off', async () => {
    const url = await server.createDatabase()
    const store = await openPostgresStore(url, { openTimeoutMs: 500, callTimeoutMs: 10_000 })
    await execute(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    )
    await expect
      .poll(() => store.deployments.list().catch(() => null), { timeout: 60_000 })
      .toEqual([])
    const second = openPostgresStore(url, timing)
    await expect(second).rejects.toMatchObject({ code: 'store/locked' })
    await store.close()
    await server.dropDatabase(url)
  })

  it('says store/unavailable while the server is away and works again when it is back', async (test) => {
    if (!server.power) return test.skip('needs a server that may be stopped')
    const url = await server.createDatabase()
    const store = await openPostgresStore(url, timing)
    const change = { by: 'test', why: 'test', atMs: 1 }
    await store.deployments.create(spec('before'), change)
    await server.power.off()
    for (let attempt = 0; attempt < 3; attempt++) {
      const write = store.deployments.create(spec('during'), change)
      await expect(write).rejects.toMatchObject({ code: 'store/unavailable', retryable: true })
    }
    await server.power.on()
    await expect
      .poll(() => store.deployments.create(spec('after'), change).catch(() => null), {
        timeout: 20_000,
        interval: 100,
      })
      .toMatchObject({ revision: 1 })
    const names = (await store.deployments.list()).map((one) => one.spec.name)
    expect(names).toEqual(['before', 'after'])
    await store.close()
    await server.dropDatabase(url)
  })
})
