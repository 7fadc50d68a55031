import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from './serving.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen shim '))
afterAll(() => rmSync(directory, { recursive: true }))

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
}
const run = (path: string, argv: readonly string[], cwd = directory) =>
  execFileSync(path, argv, { cwd, encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } })

describe.skipIf(process.platform === 'win32')('bin/baleen', () => {
  it('runs from any directory, through links and a path with spaces', () => {
    const shim = join(root, 'bin/baleen')
    expect(run(shim, ['--version'])).toBe(`${version}\n`)
    const folder = join(directory, 'my programs')
    mkdirSync(folder)
    symlinkSync(root, join(folder, 'the platform'))
    symlinkSync(join(folder, 'the platform/bin/baleen'), join(folder, 'first'))
    symlinkSync('first', join(folder, 'second link'))
    expect(run(join(folder, 'second link'), ['--version'], '/')).toBe(`${version}\n`)
  })

  it('takes the Node of the machine where that is new enough and none is beside it', () => {
    const app = join(directory, 'app')
    mkdirSync(join(app, 'bin'), { recursive: true })
    copyFileSync(join(root, 'bin/baleen'), join(app, 'bin/baleen'))
    for (const name of ['src', 'package.json']) symlinkSync(join(root, name), join(app, name))
    const nodes = join(directory, 'nodes')
    mkdirSync(nodes)
    symlinkSync(process.execPath, join(nodes, 'node'))
    const start = (path: string) =>
      spawnSync(join(app, 'bin/baleen'), ['--version'], { encoding: 'utf8', env: { PATH: path } })
    expect(start(`${nodes}:/usr/bin:/bin`)).toMatchObject({ status: 0, stdout: `${version}\n` })
    const old = join(directory, 'old')
    mkdirSync(old)
    writeFileSync(join(old, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    expect(start(`${old}:/usr/bin:/bin`).stderr).toContain('Baleen needs Node 24')
  })

  it('passes arguments and exit code on as they are', () => {
    const { status, stderr } = spawnSync(join(root, 'bin/baleen'), ['two words', '*'], {
      encoding: 'utf8',
    })
    expect(status).toBe(2)
    expect(stderr).toContain('there is no command "two words"')
  })
})
