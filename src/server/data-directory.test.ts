import {
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { dataDirectoryOf, prepareDataDirectory } from './data-directory.ts'
import { readEnvironment } from './environment.ts'

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'baleen data ')))
afterAll(() => rmSync(directory, { recursive: true }))

describe('dataDirectoryOf', () => {
  const choose = (
    variables: Record<string, string>,
    chosen: { flag?: string; config?: string } = {},
  ) => dataDirectoryOf(readEnvironment({ HOME: '/home/me', ...variables }), chosen)

  it('takes flag over variable over config over the usual place', () => {
    const all = { BALEEN_DATA: '/variable', XDG_DATA_HOME: '/xdg' }
    expect(choose(all, { flag: '/flag', config: '/config' })).toBe('/flag')
    expect(choose(all, { config: '/config' })).toBe('/variable')
    expect(choose({ XDG_DATA_HOME: '/xdg' }, { config: '/config' })).toBe('/config')
    expect(choose({ XDG_DATA_HOME: '/xdg' })).toBe('/xdg/baleen')
    expect(choose({})).toBe('/home/me/.local/share/baleen')
  })

  it('knows the home directory, and relative paths', () => {
    expect(choose({}, { flag: '~/data' })).toBe('/home/me/data')
    expect(choose({}, { flag: 'data' })).toBe(join(process.cwd(), 'data'))
    // XDG says that a relative path there means nothing.
    expect(choose({ XDG_DATA_HOME: 'relative' })).toBe('/home/me/.local/share/baleen')
    expect(choose({ BALEEN_DATA: '' })).toBe('/home/me/.local/share/baleen')
  })
})

describe('prepareDataDirectory', () => {
  it('makes it for this user only, leaves nothing else in it, and can do so twice', () => {
    const path = join(directory, 'deep', 'data')
    expect(prepareDataDirectory(path)).toBe(path)
    expect(prepareDataDirectory(path)).toBe(path)
    expect(readdirSync(path).toSorted()).toEqual(['journal', 'logs', 'models', 'run'])
    expect(readdirSync(join(path, 'run'))).toEqual([])
    for (const folder of ['.', 'run', 'logs'])
      expect(statSync(join(path, folder)).mode & 0o777).toBe(0o700)
  })

  it('names one directory by one path', () => {
    const real = prepareDataDirectory(join(directory, 'real'))
    symlinkSync(real, join(directory, 'link'))
    expect(prepareDataDirectory(join(directory, 'link'))).toBe(real)
  })

  it('says what is in the way', () => {
    const file = join(directory, 'file')
    writeFileSync(file, '')
    for (const path of [file, join(file, 'data'), '/proc/baleen'])
      expect(() => prepareDataDirectory(path)).toThrow(
        expect.objectContaining({
          code: 'machine/data-unwritable',
          message: expect.stringContaining(path),
        }),
      )
  })
})
