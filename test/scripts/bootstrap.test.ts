import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Says that it was called, takes a moment, and leaves what npm would. */
const fakeNpm = `import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
appendFileSync('calls', process.argv[2] + '\\n')
rmSync('node_modules', { recursive: true, force: true })
await new Promise((resolve) => setTimeout(resolve, 300))
for (const name of ['pino', 'vitest', '.bin']) mkdirSync('node_modules/' + name, { recursive: true })
for (const name of ['pino', 'vitest']) writeFileSync('node_modules/' + name + '/package.json', '{}')
symlinkSync(process.execPath, 'node_modules/.bin/node')
`

const packages = {
  '': {},
  'node_modules/pino': { version: '1.0.0' },
  'node_modules/vitest': { version: '2.0.0', dev: true },
  'node_modules/elsewhere': { version: '3.0.0', optional: true },
}

function clone() {
  const directory = mkdtempSync(join(tmpdir(), 'baleen bootstrap '))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = (name: string) => join(directory, name)
  mkdirSync(path('scripts'))
  copyFileSync(join(root, 'scripts/bootstrap.mjs'), path('scripts/bootstrap.mjs'))
  writeFileSync(path('npm.mjs'), fakeNpm)
  const lock = (more: object = {}) =>
    writeFileSync(path('package-lock.json'), JSON.stringify({ packages: { ...packages, ...more } }))
  lock()
  const start = async (event = 'prestart'): Promise<{ code: number | null; said: string }> => {
    const child = spawn(process.execPath, [path('scripts/bootstrap.mjs')], {
      cwd: directory,
      env: { npm_execpath: path('npm.mjs'), npm_lifecycle_event: event },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk) => (said += String(chunk)))
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })))
  }
  const calls = () =>
    existsSync(path('calls')) ? readFileSync(path('calls'), 'utf8').split('\n').length - 1 : 0
  return { path, lock, start, calls }
}

describe.skipIf(process.platform === 'win32')('what runs before `npm start`', () => {
  it('installs once, and again where the lock file changed or something is gone', async () => {
    const { path, lock, start, calls } = clone()
    expect((await start()).said).toContain('first start')
    expect(await start()).toEqual({ code: 0, said: '' })
    expect(calls()).toBe(1)
    rmSync(path('node_modules/pino'), { recursive: true })
    expect((await start()).said).toContain('node_modules/pino is missing')
    lock({ 'node_modules/elsewhere': { version: '3.0.1', optional: true } })
    expect((await start()).said).toContain('it has changed')
    rmSync(path('node_modules'), { recursive: true })
    expect((await start()).said).toContain('first start')
    expect(calls()).toBe(4)
  })

  it('needs the tools for tests only', async () => {
    const { path, start, calls } = clone()
    await start()
    rmSync(path('node_modules/vitest'), { recursive: true })
    expect(await start()).toEqual({ code: 0, said: '' })
    expect((await start('pretest')).said).toContain('node_modules/vitest is missing')
    expect(calls()).toBe(2)
  })

  it('is content with what a person’s own `npm ci` has installed', async () => {
    const { path, lock, start, calls } = clone()
    await start()
    rmSync(path('node_modules/.baleen-stamp'))
    writeFileSync(path('node_modules/.package-lock.json'), JSON.stringify({ packages }))
    expect(await start()).toEqual({ code: 0, said: '' })
    lock({ 'node_modules/pino': { version: '1.0.1' } })
    expect((await start()).said).toContain('node_modules/pino is another')
    expect(calls()).toBe(2)
  })

  it('waits for another start that installs, and goes on where that one was killed', async () => {
    const { path, start, calls } = clone()
    const both = await Promise.all([start(), start()])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(calls()).toBe(1)
    expect(existsSync(path('.baleen-installing'))).toBe(false)
    rmSync(path('node_modules'), { recursive: true })
    // No process has such a number.
    writeFileSync(path('.baleen-installing'), '99999999')
    expect((await start()).code).toBe(0)
    expect(calls()).toBe(2)
  })

  it('does not wait for a process that has the number of one that was killed long ago', async () => {
    const { path, start, calls } = clone()
    writeFileSync(path('.baleen-installing'), `${process.pid}`)
    const hourAgo = new Date(Date.now() - 3_600_000)
    utimesSync(path('.baleen-installing'), hourAgo, hourAgo)
    expect((await start()).code).toBe(0)
    expect(calls()).toBe(1)
  })
})

it('what npm starts runs a file as Node itself would', () => {
  const directory = mkdtempSync(join(tmpdir(), 'baleen start '))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'told.mjs')
  writeFileSync(file, 'process.stdout.write(JSON.stringify(process.argv.slice(1)))')
  const { stdout } = spawnSync(
    process.execPath,
    [join(root, 'scripts/on-node-24.mjs'), 'told.mjs', 'serve', '--port', '1'],
    { cwd: directory, encoding: 'utf8' },
  )
  expect(JSON.parse(stdout)).toEqual([expect.stringMatching(/told\.mjs$/), 'serve', '--port', '1'])
})
