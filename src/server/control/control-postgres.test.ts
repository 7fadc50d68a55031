import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ant, createWorld, wait } from '../../../test/support/control-world.ts'
import {
  hasPostgres,
  startPostgres,
  type PostgresServer,
} from '../../../test/support/postgres-server.ts'

describe.skipIf(!hasPostgres())('control that needs PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.close())

  it('goes on from memory while the database is away, and takes changes again when it is back', async (test) => {
    if (!server.power) return test.skip('needs a server that may be stopped')
    const url = await server.createDatabase()
    const { start, ready, readyIds, enginePids } = createWorld({ DATABASE_URL: url })
    const control = start()
    await ready(control)
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    await server.power.off()

    const refused = await control.api('POST', '/keys', { name: 'lost' })
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ error: { code: 'store/unavailable' } })
    expect((await control.api('GET', '/deployments')).status).toBe(200)
    const [pid] = enginePids()
    process.kill(pid!, 'SIGKILL')
    await expect.poll(() => enginePids().find((one) => one !== pid), wait).toBeDefined()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)

    await server.power.on()
    const create = async () => (await control.api('POST', '/keys', { name: 'kept' })).status
    await expect.poll(create, wait).toBe(201)
    expect(control.process.exitCode).toBeNull()
  })

  it('hands the database on when it is killed', async () => {
    const url = await server.createDatabase()
    const { start, ready, snapshot } = createWorld({ DATABASE_URL: url })
    const first = start()
    await ready(first)
    expect((await first.api('PUT', '/deployments/bee', { ...ant, name: 'bee' })).status).toBe(201)
    const gone = once(first.process, 'exit')
    first.process.kill('SIGKILL')
    await gone
    const second = start()
    await ready(second)
    expect(snapshot().routes.map(({ name }) => name)).toEqual(['ant', 'bee'])
    const status = (await (await second.api('GET', '/status')).json()) as { store: string }
    expect(status.store).toBe('postgres')
  })
})
