import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { storeContract } from '../store.contract.ts'
import { spec } from '../stored.fixture.ts'
import { openSqliteStore } from './sqlite.ts'

storeContract('SQLite', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'baleen store-')), 'baleen.db')
  return {
    open: () => openSqliteStore(path, 50),
    async addUnknownMigration() {
      const database = new DatabaseSync(path)
      database.exec(
        "insert into kysely_migration values ('9999-later', '2099-01-01T00:00:00.000Z')",
      )
      database.close()
    },
    destroy: async () => rmSync(join(path, '..'), { recursive: true }),
  }
})

describe('SQLite file', () => {
  const directory = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'baleen-store-'))
    onTestFinished(() => rmSync(made, { recursive: true }))
    return made
  }

  it('is free again after kill -9 of its holder, with everything acknowledged in it', async () => {
    const path = join(directory(), 'baleen.db')
    const script = `
      import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
      const store = await openSqliteStore(process.argv[1])
      const spec = JSON.parse(process.argv[2])
      for (let count = 0; ; count++) {
        const change = { by: 'test', why: 'test', atMs: count }
        await store.deployments.create({ ...spec, name: 'd' + count }, change)
        process.stdout.write(count + '\\n')
      }`
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      script,
      path,
      JSON.stringify(spec('x')),
    ])
    let output = ''
    holder.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await expect.poll(() => output.split('\n').length, { timeout: 60_000 }).toBeGreaterThan(20)
    await expect(openSqliteStore(path, 0)).rejects.toMatchObject({ code: 'store/locked' })
    holder.kill('SIGKILL')
    await once(holder, 'close')
    const acknowledged = Number(output.trim().split('\n').at(-1))
    const store = await openSqliteStore(path)
    const names = (await store.deployments.list()).map((one) => one.spec.name)
    await store.close()
    expect(names).toContain(`d${acknowledged}`)
    expect(names.length).toBeGreaterThanOrEqual(acknowledged + 1)
  })

  it.skipIf(process.platform === 'win32')(
    'is for its user alone, the log beside it too',
    async () => {
      const path = join(directory(), 'baleen.db')
      // Of an earlier version, in a directory that others may read.
      writeFileSync(path, '', { mode: 0o644 })
      const store = await openSqliteStore(path)
      await store.deployments.create(spec('x'), { by: 'test', why: 'test', atMs: 1 })
      for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600)
      await store.close()
    },
  )

  it('that is no database gets a coded error and stays as it is', async () => {
    const path = join(directory(), 'baleen.db')
    writeFileSync(path, 'not a database, but long enough to be looked at as one'.repeat(100))
    await expect(openSqliteStore(path)).rejects.toMatchObject({ code: 'store/unavailable' })
  })

  it('in a directory that is not there gets a coded error', async () => {
    const path = join(directory(), 'missing', 'baleen.db')
    await expect(openSqliteStore(path)).rejects.toMatchObject({ code: 'store/unavailable' })
  })
})
